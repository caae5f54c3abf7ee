import { release } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock, Machine, RunningCommand } from "@lifeboat/model";
import { skewWarning } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { readHostFacts } from "./host-facts.ts";

const signal = new AbortController().signal;
let full: SshHost;
let box: SshHost;

beforeAll(async () => {
  [full, box] = await Promise.all([startSshHost(), startSshHost({ sshdLines: ["ForceCommand internal-sftp -R"] })]);
});
afterAll(async () => {
  await Promise.all([full?.stop(), box?.stop()]);
});

/** A clock that is off by so much, so that to it the host is off the other way. */
const clockBehind = (milliseconds: number): Clock => ({
  now: () => Date.now() - milliseconds,
  sleep: (duration, stop) => wait(duration, undefined, stop === undefined ? {} : { signal: stop }),
});

test("a host tells its system, its programs and its time in one command", async () => {
  const machine = await connectTo(full);
  try {
    let commands = 0;
    const counted: Machine = {
      name: machine.name,
      run: (argv, options) => {
        commands++;
        return machine.run(argv, options);
      },
      bytesReceived: () => machine.bytesReceived(),
      close: () => machine.close(),
    };
    const facts = await readHostFacts(counted, { clock: clockBehind(0), signal });
    expect(facts).toMatchObject({
      kernel: expect.stringContaining(release()),
      find: expect.stringMatching(/^find \(GNU findutils\) [0-9.]+$/),
      tar: expect.stringMatching(/^tar \(GNU tar\) [0-9.]+/),
    });
    expect([commands, facts?.sudo]).toEqual([1, undefined]);
    // It is this machine's clock.
    expect(Math.abs(facts?.clock_skew_ms ?? Number.NaN)).toBeLessThanOrEqual((facts?.clock_skew_within_ms ?? 0) + 5);
    expect(skewWarning(facts ?? {})).toBeUndefined();
    const ahead = await readHostFacts(machine, { clock: clockBehind(90_000), signal });
    expect(Math.abs((ahead?.clock_skew_ms ?? 0) - 90_000)).toBeLessThanOrEqual((ahead?.clock_skew_within_ms ?? 0) + 5);
    expect(skewWarning(ahead ?? {})).toMatch(/^its clock is (89|90)\.[0-9] s ahead$/);
    const behind = await readHostFacts(machine, { clock: clockBehind(-90_000), signal });
    expect(skewWarning(behind ?? {})).toMatch(/ s behind$/);
  } finally {
    await machine.close();
  }
});

test("where no sudo is allowed, none is told", async () => {
  const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin", LIFEBOAT_SUDO: "/nothing/that/is/allowed" } });
  const facts = await readHostFacts(machine, { clock: clockBehind(0), signal, sudoFor: ["find", "no-such-program"] });
  expect([facts?.sudo, facts?.kernel !== undefined]).toEqual([[], true]);
});

test("a host that runs no commands, says too much or nothing, or lies about its time has no facts that could hurt", async () => {
  const machine = await connectTo(box);
  expect(await readHostFacts(machine, { clock: clockBehind(0), signal })).toBeUndefined();
  await machine.close();
  let killed = 0;
  const saying = (chunks: () => Iterable<string>, status = 0): Machine => ({
    name: "liar",
    run: async () =>
      ({
        stdout: (async function* () {
          for (const chunk of chunks()) yield Buffer.from(chunk, "latin1");
        })(),
        write: async () => undefined,
        endInput: () => undefined,
        stderr: () => "",
        exit: Promise.resolve({ status, signal: null }),
        kill: () => void killed++,
      }) satisfies RunningCommand,
    bytesReceived: () => 0,
    close: async () => undefined,
  });
  const ask = (from: Machine) => readHostFacts(from, { clock: clockBehind(0), signal, sudoFor: ["find"] });
  function* endless() {
    for (;;) yield "kernel ".padEnd(1000, "x");
  }
  expect([await ask(saying(endless)), killed]).toEqual([undefined, 1]);
  expect(await ask(saying(() => ["time 1.000000000\n"], 1))).toBeUndefined();
  expect(await ask(saying(() => []))).toBeUndefined();
  expect(
    await ask(saying(() => ["time now\nkernel \x1b[31mred\x9b\nsystem ", "s".repeat(500), "\nsudo find\nsudo rm\n"])),
  ).toEqual({
    kernel: "?[31mred?",
    system: "s".repeat(200),
    sudo: ["find"],
  });
});
