import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  cleanEnvironment,
  createTempFolder,
  runCommand,
  type SshHost,
  startSshHost,
  type TempFolder,
} from "../services/index.ts";
import { runLifeboat } from "./run-lifeboat.ts";

const program = fileURLToPath(new URL("../../packages/cli/bin/lifeboat.js", import.meta.url));
const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
const fileCount = 160;
let temp: TempFolder;
let ssh: SshHost;
let tree: string;
let totalBytes = 0;

const place = (name: string) => join(temp.path, name);
const hands = () => ["--repo", place("repo"), "--password-file", place("password")];

beforeAll(async () => {
  console.log(`LIFEBOAT_TEST_SEED=${seed}`);
  temp = await createTempFolder("killed");
  ssh = await startSshHost();
  tree = place("tree");
  for (let at = 0; at < 4; at++) mkdirSync(join(tree, `folder-${at}`), { recursive: true });
  for (let at = 0; at < fileCount; at++) {
    const bytes = at === 7 ? 24 * 1024 * 1024 : 1_000_000 + at;
    writeFileSync(join(tree, `folder-${at % 4}/file-${at}`), random.bytes(bytes));
    totalBytes += bytes;
  }
  await runCommand("setfattr", ["-n", "user.note", "-v", "x", join(tree, "folder-1/file-1")]);
  await runCommand("chmod", ["555", join(tree, "folder-2")]);
  writeFileSync(place("password"), `${testPassword}\n`, { mode: 0o600 });
  const repository = await openTestRepository({ url: place("repo") });
  expect((await pullTree(ssh, repository, tree)).problems).toEqual([]);
  await repository.close();
}, 240_000);
afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

/** A folder for PATH in which the real `program` stops at a certain point: then `stands` exists, and it goes on when `goes` does. */
function makeStopping(name: string, command: "tar" | "mv", script: (real: string, stop: string) => string) {
  const bin = place(`bin-${name}`);
  mkdirSync(bin);
  const [stands, goes] = [place(`${name}-stands`), place(`${name}-goes`)];
  const stop = `touch ${stands}; while [ ! -e ${goes} ]; do sleep 0.05; done`;
  const real = `/usr/bin/${command}`;
  // Asked for its version, it is not at work yet.
  const text = `#!/bin/sh\n[ "$1" = --version ] && exec ${real} "$@"\n${script(real, stop)}\n`;
  writeFileSync(join(bin, command), text, { mode: 0o755 });
  return { bin, stands, goes };
}

/** Kills the restore where that program stands still: however slow the machine is, it has begun and cannot have ended. */
async function restoreKilled(args: readonly string[], { bin, stands }: { bin: string; stands: string }): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [program, "restore", "latest", ...args, ...hands()], {
    cwd: temp.path,
    env: { ...cleanEnvironment({ HOME: temp.path, XDG_STATE_HOME: place("state-home") }), PATH: `${bin}:/usr/bin:/bin` },
    stdio: "ignore",
  });
  let ended = false;
  const exit = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once("exit", (_, signal) => {
      ended = true;
      resolve(signal);
    });
  });
  while (!ended && !existsSync(stands)) await new Promise(setImmediate);
  child.kill("SIGKILL");
  expect(await exit, `seed ${seed}: it ended before it was killed`).toBe("SIGKILL");
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return (readdirSync(folder, { recursive: true }) as string[]).filter((name) => /folder-\d\/file-\d+$/.test(name));
}

async function resume(target: string): Promise<{ bytes_read: number; files_restored: number; files_skipped: number }> {
  const { exitCode, stdout, stderr } = await runLifeboat(temp.path, [
    ...["restore", "latest", "--to", target, "--resume", "--json"],
    ...hands(),
  ]);
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Awaited<ReturnType<typeof resume>>;
}

test("a restore that was killed is completed by --resume, which reads only what is missing", async () => {
  const target = place("killed");
  const there = join(target, tree);
  const bytes = Math.floor(totalBytes / 2) + random.below(Math.floor(totalBytes / 4));
  const stopping = makeStopping("half", "tar", (real, stop) => `head -c ${bytes} | ${real} "$@"; ${stop}`);
  await restoreKilled(["--to", target], stopping);
  writeFileSync(stopping.goes, "");
  const before = filesIn(there).length;
  expect(before, `seed ${seed}`).toBeLessThan(fileCount);
  const summary = await resume(target);
  expect(await compareTrees(tree, there), `seed ${seed}`).toEqual([]);
  expect(summary.files_skipped + summary.files_restored).toBe(fileCount);
  expect(summary.files_skipped).toBeGreaterThanOrEqual(before - 10);
  expect(summary.bytes_read).toBeGreaterThan(0);
  expect(summary.bytes_read, `seed ${seed}: ${before} files stood there`).toBeLessThan(0.7 * totalBytes);
  const whole = await resume(target);
  expect(whole).toMatchObject({ bytes_read: 0, files_restored: 0, files_skipped: fileCount });
}, 240_000);

const stagesIn = (target: string) => readdirSync(target).filter((name) => name.startsWith(".lifeboat-restore-"));

test.each(["the new files wait beside the old ones", "they are renamed over them"])(
  "killed while %s: each file is the old one or the new one, whole; --resume brings the rest",
  async (moment) => {
    const target = place(moment.replaceAll(" ", "-"));
    const there = join(target, tree);
    const old = Buffer.alloc(1_500_000, "old");
    for (let at = 0; at < 4; at++) mkdirSync(join(there, `folder-${at}`), { recursive: true });
    for (let at = 0; at < fileCount; at++) writeFileSync(join(there, `folder-${at % 4}/file-${at}`), old);
    const names = filesIn(there);
    const wasReplaced = (name: string) => lstatSync(join(there, name)).size !== old.length;
    const isStaging = moment.startsWith("the new");
    const stopping = isStaging
      ? makeStopping("staging", "tar", (real, stop) => `head -c ${Math.floor(totalBytes / 2)} | ${real} "$@"; ${stop}`)
      : makeStopping("moving", "mv", (real, stop) => `${real} "$@"; ${stop}`);
    await restoreKilled(["--to", target, "--overwrite", "always"], stopping);
    expect(stagesIn(target)).toHaveLength(1);
    const replaced = names.filter(wasReplaced).length;
    if (isStaging) expect(replaced).toBe(0);
    else expect([replaced > 0, replaced < fileCount], `${replaced} were replaced`).toEqual([true, true]);
    const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
    const oldHash = createHash("sha256").update(old).digest("hex");
    for (const name of names) {
      expect([oldHash, hashOf(join(tree, name))], `seed ${seed}: ${name}`).toContain(hashOf(join(there, name)));
    }
    // What the killed one had started goes on; the next restore has a stage of its own.
    writeFileSync(stopping.goes, "");
    await resume(target);
    expect(await compareTrees(tree, there), `seed ${seed}`).toEqual([]);
    expect(stagesIn(target)).toEqual([]);
  },
  240_000,
);
