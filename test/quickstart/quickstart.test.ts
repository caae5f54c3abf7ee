import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { listDescendants, type ProcessIdentity } from "../services/process-tree.ts";
import { runCommand } from "../services/run-command.ts";
import { createTempFolder, type TempFolder } from "../services/temp-folder.ts";
import { awaitEnd } from "./own-processes.ts";

// About a minute on a machine of its own; beside other tests it takes its time, and that is no fault.
vi.setConfig({ testTimeout: 900_000 });

interface Quickstart {
  readonly child: ChildProcess;
  output(): string;
  /** Until it has said this; an end before that is an error that quotes all it said. */
  until(text: string): Promise<void>;
  exitCode(): Promise<number | null>;
}

let temp: TempFolder;
let folder: string;
let running: Quickstart | undefined;

beforeEach(async () => {
  temp = await createTempFolder("quickstart");
  folder = join(temp.path, "work");
});
afterEach(async () => {
  const { child } = running ?? {};
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  // By rm, because Node loses names that are no text.
  await runCommand("rm", ["-rf", "--", folder]);
  await temp.remove();
});

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Quickstart {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "--folder", folder, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      child.emit("said");
    });
  }
  const ended = once(child, "close");
  running = {
    child,
    output: () => output,
    async until(text) {
      while (!output.includes(text)) {
        const isOver = await Promise.race([ended.then(() => true), once(child, "said").then(() => false)]);
        if (isOver && !output.includes(text)) throw new Error(`the quickstart ended without "${text}":\n${output}`);
      }
    },
    exitCode: () => ended.then(([code]) => code as number | null),
  };
  return running;
}

/** Empty: all of them are gone. */
async function remnantsOf(processes: readonly ProcessIdentity[]): Promise<string[]> {
  return (await awaitEnd(processes)).map(({ pid, command }) => `${pid} ${command}`);
}

it("tells the whole story, keeps it running, and leaves nothing behind", async () => {
  const quickstart = start(["--keep"]);
  await quickstart.until("Ctrl-C stops it.");
  const processes = listDescendants(quickstart.child.pid ?? -1);
  const output = quickstart.output();
  expect(output).toMatch(/web1\/www {2}[\d,]+ files, \d+ MiB: \d+ MiB over SSH/);
  expect(output).toMatch(/✓ web1\/www: [\d.]+ [KM]iB instead of \d+ MiB over SSH \([\d.]+%\): the list of files and 20 new ones/);
  expect(output).toContain("✓ rsync -aHAX --checksum finds no difference");
  for (const check of ["orders", "fresh", "no-orphan", "hashes", "row-and-file"]) {
    expect(output).toMatch(new RegExp(`✓ ${check} .* says no with `));
  }
  expect(output).toMatch(/✓ shop was back in .* from copy; each check is known to say no to damaged data/);
  expect(output).toMatch(/✓ the page at \S+ says the same: Protected: 2 of 2 /);
  expect(output).toMatch(/no errors in either|restic is not installed/);
  const report = /file:\/\/(\S+report\.html)/.exec(output)?.[1] ?? "";
  expect(await readFile(report, "utf8")).toContain("row-and-file");
  const page = /keeps running: (\S+)/.exec(output)?.[1] ?? "";
  expect((await fetch(page)).status).toBe(200);
  // sshd twice, PostgreSQL, and the service with its Redis, scheduler, worker and page
  expect(processes.length).toBeGreaterThanOrEqual(8);

  quickstart.child.kill("SIGINT");
  expect(await quickstart.exitCode()).toBe(0);
  expect(await remnantsOf(processes)).toEqual([]);
  expect(quickstart.output()).toMatch(/Stopped: none of the \d+ processes that were running is left\./);
});

it("stops everything when it is stopped half way", async () => {
  const quickstart = start([]);
  await quickstart.until("✓ it runs");
  const processes = listDescendants(quickstart.child.pid ?? -1);
  quickstart.child.kill("SIGINT");
  expect(await quickstart.exitCode()).toBe(130);
  expect(await remnantsOf(processes)).toEqual([]);
  expect(processes.length).toBeGreaterThanOrEqual(8);
  expect(quickstart.output()).not.toContain("Every step was seen");
});

it("names the step that failed, says what to do, and stops everything", async () => {
  // Nobody listens on port 9.
  const keys = { AWS_ACCESS_KEY_ID: "quickstart", AWS_SECRET_ACCESS_KEY: "quickstart" };
  const quickstart = start(["--s3", "http://127.0.0.1:9/bucket"], keys);
  await quickstart.until("3. The service starts");
  const processes = listDescendants(quickstart.child.pid ?? -1);
  expect(await quickstart.exitCode()).toBe(1);
  expect(await remnantsOf(processes)).toEqual([]);
  expect(quickstart.output()).toMatch(/✗ 'lifeboat repo init --repo main' ended with exit code \d+:\n/);
  expect(quickstart.output()).toContain("Everything was stopped");
});

it("refuses arguments that are none, and a folder with something in it", async () => {
  const wrong = start(["--s3", "nonsense"]);
  expect(await wrong.exitCode()).toBe(2);
  expect(wrong.output()).toContain('--s3 "nonsense" is not like http://HOST:PORT/BUCKET/PREFIX');
  await runCommand("install", ["-D", "/dev/null", join(folder, "mine")]);
  const full = start([]);
  expect(await full.exitCode()).toBe(2);
  expect(full.output()).toContain("is not empty; nothing was changed");
});
