import { LifeboatError, silentLogger } from "@lifeboat/model";
import { expect, it } from "vitest";
import { forEachRepository } from "./for-each-repository.ts";

it("goes on after a failure, and its error at the end says what became of each", async () => {
  const failure = new LifeboatError("repository-locked", "it is locked", { hint: "Wait.", context: { lock: "aa" } });
  const work = async (name: string) => {
    if (name === "b") throw failure;
    if (name === "c") throw new TypeError("a bug");
    return "3 copied";
  };
  const context = { logger: silentLogger, signal: new AbortController().signal };
  await expect(forEachRepository(context, ["a", "b", "c", "d"], work)).rejects.toMatchObject({
    code: "repository-locked",
    message: "b: it is locked (c: a bug; a: 3 copied; d: 3 copied)",
    hint: "Wait.",
    context: { lock: "aa" },
    retry: "later",
    cause: failure,
  });
  await expect(forEachRepository(context, ["b"], work)).rejects.toBe(failure);
});

it("ends at once when it is stopped, with the error of the one at work", async () => {
  const stop = new AbortController();
  const begun: string[] = [];
  const work = async (name: string) => {
    begun.push(name);
    stop.abort(new Error("stopped"));
    throw new Error(`${name} was cut`);
  };
  await expect(forEachRepository({ logger: silentLogger, signal: stop.signal }, ["a", "b"], work)).rejects.toThrow("a was cut");
  expect(begun).toEqual(["a"]);
});
