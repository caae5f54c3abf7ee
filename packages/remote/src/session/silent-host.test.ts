import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "@lifeboat/model";
import type { ServerChannel } from "ssh2";
import { afterEach, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { startSshHost } from "../../../../test/services/index.ts";
import { connectHost } from "./ssh-machine.ts";
import { connectOptions, connectToServer } from "./test-host.ts";

/** What the host does when it is asked for a command. */
const silences: [string, (accept: () => ServerChannel) => unknown][] = [
  ["does not answer exec", () => undefined],
  ["accepts exec and starts nothing", (accept) => accept()],
];

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A clock on which long waits pass when the test says so. */
function createClock() {
  const passing = Promise.withResolvers<void>();
  const asked: number[] = [];
  const clock: Clock = {
    now: () => Date.now(),
    sleep: async (milliseconds, signal) => {
      asked.push(milliseconds);
      await Promise.race([passing.promise, wait(3_600_000, undefined, signal === undefined ? {} : { signal })]);
    },
  };
  return { clock, asked, pass: () => passing.resolve() };
}

async function connectToSilent(onExec: (accept: () => ServerChannel) => unknown, connectTimeoutSeconds = 10) {
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const time = createClock();
  const { machine, close } = await connectToServer(
    (acceptExec) => {
      const channel = onExec(acceptExec) as ServerChannel | undefined;
      channel?.on("close", () => closed.resolve()).resume();
      asked.resolve();
    },
    { clock: time.clock, connectTimeoutSeconds },
  );
  cleanups.push(close);
  return { machine, time, asked: asked.promise, closed: closed.promise };
}

test.each(silences)("a host that %s can be cancelled", async (_, onExec) => {
  const { machine, asked } = await connectToSilent(onExec);
  const controller = new AbortController();
  const running = machine.run(["true"], { signal: controller.signal });
  await asked;
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
});

test.each(silences)("a host that %s is given up after 90 s, or a longer connect timeout", async (_, onExec) => {
  for (const [connectTimeoutSeconds, seconds] of [
    [1, 90],
    [120, 120],
  ] as const) {
    const { machine, asked, time } = await connectToSilent(onExec, connectTimeoutSeconds);
    const running = machine.run(["true"]);
    await asked;
    time.pass();
    await expect(running).rejects.toMatchObject({
      code: "host-garbage",
      message: `web1 did not start true within ${seconds} s`,
    });
    expect(time.asked).toContain(seconds * 1000);
  }
});

test("the channel of a command that did not start in time is closed", async () => {
  const { machine, asked, closed, time } = await connectToSilent((accept) => accept());
  const running = machine.run(["true"]);
  await asked;
  time.pass();
  await expect(running).rejects.toMatchObject({ code: "host-garbage" });
  await closed;
});

test("a program that ignores its end does not hold the one who killed it", async () => {
  await using host = await startSshHost();
  const time = createClock();
  const machine = await connectHost(hostEntry(host), connectOptions({ clock: time.clock }));
  const command = await machine.run(["sh", "-c", "trap '' TERM; echo $$; exec sleep 1000"]);
  const first = await command.stdout[Symbol.asyncIterator]().next();
  const pid = Number(Buffer.from(first.value ?? []).toString());
  try {
    command.kill();
    expect(time.asked).toContain(10_000);
    time.pass();
    expect(await command.exit).toEqual({ status: null, signal: null });
    expect(process.kill(pid, 0)).toBe(true);
  } finally {
    process.kill(pid, "SIGKILL");
    await machine.close();
  }
});
