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

/** Kills the restore as soon as `isTime` says so; the process must not have ended by itself. */
async function restoreKilled(args: readonly string[], isTime: () => boolean): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [program, "restore", "latest", ...args, ...hands()], {
    cwd: temp.path,
    env: cleanEnvironment({ HOME: temp.path, XDG_STATE_HOME: place("state-home") }),
    stdio: "ignore",
  });
  let ended = false;
  const exit = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once("exit", (_, signal) => {
      ended = true;
      resolve(signal);
    });
  });
  while (!ended && !isTime()) await new Promise(setImmediate);
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
  const half = fileCount / 2 + random.below(fileCount / 4);
  await restoreKilled(["--to", target], () => filesIn(there).length >= half);
  const before = filesIn(there).length;
  expect(before, `seed ${seed}`).toBeLessThan(fileCount);
  const summary = await resume(target);
  expect(await compareTrees(tree, there), `seed ${seed}`).toEqual([]);
  expect(summary.files_skipped + summary.files_restored).toBe(fileCount);
  expect(summary.files_skipped).toBeGreaterThanOrEqual(before - 10);
  expect(summary.bytes_read).toBeGreaterThan(0);
  expect(summary.bytes_read, `seed ${seed}: ${before} files stood there`).toBeLessThan(0.65 * totalBytes);
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
    const isStaging = () => stagesIn(target).some((stage) => filesIn(join(target, stage)).length > fileCount / 3);
    const isMoving = () => names.some(wasReplaced);
    const isTime = moment.startsWith("the new") ? isStaging : isMoving;
    await restoreKilled(["--to", target, "--overwrite", "always"], isTime);
    if (isTime === isStaging) expect(names.filter(wasReplaced)).toEqual([]);
    expect(stagesIn(target)).toHaveLength(1);
    const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
    const oldHash = createHash("sha256").update(old).digest("hex");
    for (const name of names) {
      expect([oldHash, hashOf(join(tree, name))], `seed ${seed}: ${name}`).toContain(hashOf(join(there, name)));
    }
    await resume(target);
    expect(await compareTrees(tree, there), `seed ${seed}`).toEqual([]);
    expect(stagesIn(target)).toEqual([]);
  },
  240_000,
);
