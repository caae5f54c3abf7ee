import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashCommand } from "../files/remote-commands.ts";
import { shellCommand } from "../session/shell-command.ts";
import { createCheckingScript } from "./create-checking-script.ts";

// sshd sets SSH_ORIGINAL_COMMAND and runs the script: so does this test.

let folder: string;
let script: string;
let tree: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-stop-"));
  script = join(folder, "lifeboat-pull");
  tree = join(folder, "tree");
  fs.mkdirSync(tree);
  const guards = { minBytes: undefined, maxShrinkRatio: undefined, maxUnreadable: undefined };
  const source = { type: "files", name: "tree", paths: [byteString(tree)], exclude: [], oneFilesystem: false, guards } as const;
  fs.writeFileSync(script, createCheckingScript({ sources: [source], sudo: false, path: script }), { mode: 0o755 });
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

function start(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  stderr: "inherit" | "pipe" = "inherit",
): ChildProcess {
  const child = spawn(command, args, { env: { PATH: "/usr/bin:/bin", ...env }, stdio: ["pipe", "pipe", stderr] });
  children.push(child);
  return child;
}

const askToStop = (pid: number) =>
  spawnSync(script, [], { env: { PATH: "/usr/bin:/bin", SSH_ORIGINAL_COMMAND: `kill -TERM ${pid}` } }).status;

/** Those that have this file's name among their words. */
function processesNaming(file: string): string[] {
  return fs.readdirSync("/proc").filter((pid) => {
    try {
      return /^[0-9]+$/.test(pid) && fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(file);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(20);
}

test("a program that writes nothing is stopped, with what it has started", async () => {
  const endless = join(tree, "endless");
  fs.closeSync(fs.openSync(endless, "w"));
  // Nothing on the disk, and hours to hash.
  fs.truncateSync(endless, 8 * 1024 ** 4);
  const child = start(script, [], { SSH_ORIGINAL_COMMAND: shellCommand(hashCommand(), {}).toString("latin1") });
  const [first] = (await once(child.stdout!, "data")) as [Buffer];
  const pid = Number(/lifeboat-start ([0-9]+)/.exec(first.toString("latin1"))?.[1]);
  child.stdin!.end(`${endless}\0`);
  await until(() => processesNaming(endless).length > 0);
  const ended = once(child, "exit");
  expect(askToStop(pid)).toBe(0);
  expect(await ended).toEqual([143, null]);
  await until(() => processesNaming(endless).length === 0);
}, 20_000);

test("a process that only names the script, or is none of it, is not stopped", async () => {
  const reader = start("tail", ["-f", script]);
  await once(reader.stdout!, "data");
  expect(askToStop(reader.pid!)).toBe(1);
  expect(askToStop(process.pid)).toBe(1);
  expect(reader.exitCode).toBeNull();
  expect(reader.signalCode).toBeNull();
});

test("a folder that was looked at and is a link when more names come is looked at again", async () => {
  fs.mkdirSync(join(tree, "sub"));
  fs.writeFileSync(join(tree, "sub/file"), "inside");
  fs.mkdirSync(join(folder, "outside"));
  fs.writeFileSync(join(folder, "outside/file"), "TOP-SECRET");
  const child = start(script, [], { SSH_ORIGINAL_COMMAND: shellCommand(hashCommand(), {}).toString("latin1") }, "pipe");
  let words = "";
  child.stderr!.on("data", (chunk) => (words += chunk));
  // What it says of the second tells that the first was looked at.
  child.stdin!.write(`${tree}/sub/file\0${tree}/none/file\0`);
  await until(() => words.includes(`left out, because it is no file or a folder above it is none: ${tree}/none/file\n`));
  fs.renameSync(join(tree, "sub"), join(tree, "away"));
  fs.symlinkSync(join(folder, "outside"), join(tree, "sub"));
  child.stdin!.end(`${tree}/sub/file\0`);
  await once(child, "exit");
  expect(words).toContain(`above it is none: ${tree}/sub/file\n`);
}, 20_000);
