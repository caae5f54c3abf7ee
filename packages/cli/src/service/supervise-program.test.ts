import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realClock } from "@lifeboat/host";
import { type Clock, silentLogger } from "@lifeboat/model";
import { expect, onTestFinished, test, vi } from "vitest";
import { createTempFolder } from "../../../../test/services/index.ts";
import { superviseProgram } from "./supervise-program.ts";

const until = { timeout: 60_000, interval: 20 };
type Start = "ready" | "ready, then 1" | number;

/** A program that behaves at each start as it is told: is ready and runs, is ready and ends, or ends with an exit code. */
async function supervise(starts: readonly Start[], clock: Clock = realClock()) {
  const temp = await createTempFolder("supervise");
  onTestFinished(() => temp.remove());
  const main = join(temp.path, "main.mjs");
  const counter = join(temp.path, "starts");
  writeFileSync(counter, "");
  writeFileSync(
    main,
    `import { appendFileSync, readFileSync } from "node:fs";
const starts = ${JSON.stringify(starts)};
const start = starts[readFileSync(${JSON.stringify(counter)}, "utf8").length] ?? "ready";
appendFileSync(${JSON.stringify(counter)}, ".");
if (typeof start === "number") process.exit(start);
process.send({ ready: true }, () => start === "ready" || process.exit(1));
process.on("disconnect", () => process.exit(0));
`,
  );
  const heard = { ready: 0, refusals: [] as number[] };
  const program = superviseProgram({
    name: "page",
    main,
    args: [],
    environment: { PATH: process.env.PATH },
    clock,
    logger: silentLogger,
    onReady: () => heard.ready++,
    onRefusal: (code) => heard.refusals.push(code),
  });
  onTestFinished(() => program.stop());
  return { heard, startCount: () => readFileSync(counter, "utf8").length };
}

test("a program that had run and refuses to start again is tried until it runs; the service goes on", async () => {
  const { heard, startCount } = await supervise(["ready, then 1", 8, 8, "ready"]);
  await vi.waitFor(() => expect(heard.ready).toBe(2), until);
  expect([startCount(), heard.refusals]).toEqual([4, []]);
});

test("a program that has never run refuses, and is not tried again", async () => {
  const { heard, startCount } = await supervise([8]);
  await vi.waitFor(() => expect(heard.refusals).toEqual([8]), until);
  expect([startCount(), heard.ready]).toEqual([1, 0]);
});

test("pauses grow while it keeps ending, and begin anew after it has run for a while", async () => {
  const pauses: number[] = [];
  let asked = 0;
  // It is asked when the program is ready and when it has ended: the third one runs for ten minutes.
  const clock: Clock = {
    now: () => (++asked < 6 ? 0 : 600_000),
    sleep: async (milliseconds) => void pauses.push(milliseconds),
  };
  const { heard } = await supervise(["ready, then 1", "ready, then 1", "ready, then 1", "ready"], clock);
  await vi.waitFor(() => expect(heard.ready).toBe(4), until);
  expect(pauses).toEqual([500, 1000, 500]);
});
