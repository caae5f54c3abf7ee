import { expect, test } from "vitest";
import { errorCodes } from "./error-codes.ts";
import { LifeboatError } from "./lifeboat-error.ts";
import { errorObject, renderError } from "./render-error.ts";

test("what, why, state and next, each on its line", () => {
  const error = new LifeboatError("host-unreachable", 'host "db2" did not answer at 10.0.3.12:22', {
    cause: new Error("connect ETIMEDOUT 10.0.3.12:22"),
  });
  expect(renderError(error)).toBe(
    [
      'error: host "db2" did not answer at 10.0.3.12:22 [host-unreachable]',
      "  why    connect ETIMEDOUT 10.0.3.12:22",
      "  state  nothing was changed",
      `  next   ${errorCodes["host-unreachable"].hint}`,
    ].join("\n"),
  );
});

test("the program's knowledge of the state wins", () => {
  const error = new LifeboatError("store-full", "no space left in /srv/repo", { context: { state: "snapshot 9f3c was kept" } });
  expect(renderError(error)).toContain("  state  snapshot 9f3c was kept");
  expect(renderError(error, { state: "run it again" })).toContain("  state  run it again");
});

test("words of a hostile server stay on their line and cannot move the cursor", () => {
  const error = new LifeboatError("command-failed", "tar failed", {
    cause: new Error(`bad\n  next  rm -rf /\u001b[2J${"x".repeat(9999)}`),
  });
  const text = renderError(error);
  expect(text).not.toContain("\u001b");
  expect(text.split("\n").filter((line) => line.startsWith("  next"))).toHaveLength(1);
  expect(text.length).toBeLessThan(3000);
});

test("anything else is a bug and says so", () => {
  expect(renderError(new TypeError("x is undefined"))).toMatch(/unexpected TypeError: x is undefined[\s\S]*bug in Lifeboat/);
  expect(renderError("text")).toContain("bug in Lifeboat");
});

test("a cause that leads back to itself ends", () => {
  const cause = new Error("round");
  cause.cause = cause;
  expect(renderError(new LifeboatError("store-failed", "refused", { cause }))).toContain("why    round");
});

test("the last line of --json has restic's form", () => {
  expect(errorObject(new LifeboatError("wrong-password", "no key opens", { context: { repository: "main" } }))).toMatchObject({
    message_type: "exit_error",
    code: 12,
    message: "no key opens",
    error: "wrong-password",
    context: { repository: "main" },
  });
  expect(errorObject(new Error("x"))).toMatchObject({ code: 1, error: "bug" });
});
