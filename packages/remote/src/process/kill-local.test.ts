import type { RunningCommand } from "@lifeboat/model";
import { expect, test } from "vitest";
import { LocalMachine } from "./local-machine.ts";

const createMachine = () => new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });

async function readPids(command: RunningCommand): Promise<number[]> {
  let text = "";
  // By hand: the end of a loop would kill the command.
  const iterator = command.stdout[Symbol.asyncIterator]();
  while (!text.endsWith("\n")) text += Buffer.from((await iterator.next()).value ?? "\n").toString();
  return text.trim().split(" ").map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a program that ignores SIGTERM ends all the same, with what it started", async () => {
  const machine = createMachine();
  const controller = new AbortController();
  const script = "trap '' TERM; sleep 1000 > /dev/null & echo $$ $!; wait; sleep 1000";
  const command = await machine.run(["sh", "-c", script], { signal: controller.signal });
  const pids = await readPids(command);
  expect(pids.map(isAlive)).toEqual([true, true]);
  controller.abort();
  expect(await command.exit).toEqual({ status: null, signal: "SIGKILL" });
  for (const pid of pids) await untilGone(pid);
  await machine.close();
});

test("a child that left the group and holds stderr does not hold the machine's close", async () => {
  const machine = createMachine();
  const command = await machine.run(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 1000 > /dev/null' & wait"]);
  const [child = Number.NaN] = await readPids(command);
  try {
    await machine.close();
    expect(await command.exit).toEqual({ status: null, signal: "SIGTERM" });
  } finally {
    process.kill(child, "SIGKILL");
  }
});

test("a shell script that is killed runs its trap to the end, though its child was killed with it", async () => {
  for (let round = 0; round < 10; round++) {
    const machine = createMachine();
    const command = await machine.run(["sh", "-c", "trap 'sleep 0.05; echo cleaned >&2; exit 143' TERM; echo 1; cat; true"]);
    await readPids(command);
    await new Promise((resolve) => setTimeout(resolve, 30)); // so that `cat` runs
    await machine.close();
    expect(await command.exit).toEqual({ status: 143, signal: null });
    expect(command.stderr()).toContain("cleaned\n");
  }
});
