import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  cleanEnvironment,
  createTempFolder,
  findStockRestic,
  type StockRestic,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";
import { fingerprintOf } from "./refusal-messages.ts";
import { lifeboatProgram } from "./run-lifeboat.ts";
import { initFaultRepository } from "./write-fault-config.ts";

const stock = await findStockRestic("0.14");
const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
/** For each part; in the long run at every point there is. */
const killCount = process.env.LIFEBOAT_TEST_LONG === "1" ? Number.POSITIVE_INFINITY : 2;
const password = "of the repaired one";

interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
  /** What changed the repository, as far as it came. */
  readonly changes: readonly string[];
}

/** What can be had of a repository: each file of its snapshots that comes back whole, by path and hash. */
type Whole = ReadonlySet<string>;

describe.skipIf("missing" in stock)("a repair that is killed (needs restic)", () => {
  let temp: TempFolder;
  let restic: StockRestic;
  let copies = 0;
  const place = (name: string) => join(temp.path, name);

  beforeAll(async () => {
    temp = await createTempFolder("killed-repair");
    console.log(`seed ${seed} (LIFEBOAT_TEST_SEED)`);
    writeFileSync(place("password"), password, { mode: 0o600 });
    mkdirSync(place("tree/sub"), { recursive: true });
    await initFaultRepository({ url: place("repo"), password });
    restic = await stockRestic("0.14", { repository: place("repo"), password });
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < 12; at++) writeFileSync(place(`tree/sub/${round}-${at}`), random.bytes(3000 + 40_000 * at));
      writeFileSync(place("tree/changing"), random.bytes(50_000));
      await restic.run(["backup", place("tree"), "--host", "web1"]);
    }
  }, 120_000);
  afterAll(async () => {
    await restic?.[Symbol.asyncDispose]();
    await temp?.remove();
  });

  /** With `killAt`: ended there with SIGKILL. */
  function repair(repository: string, words: readonly string[], killAt = 0): Promise<Ended> {
    const log = `${repository}.changes`;
    rmSync(log, { force: true });
    const args = ["repo", "repair", ...words, "--yes", "--repo", repository, "--password-file", place("password")];
    const child = spawn(process.execPath, [lifeboatProgram, ...args], {
      cwd: temp.path,
      env: cleanEnvironment({
        HOME: temp.path,
        // One process, not one that starts another.
        MALLOC_ARENA_MAX: "2",
        NODE_OPTIONS: `--import=${new URL("./kill-at-change.ts", import.meta.url).href}`,
        LIFEBOAT_TEST_KILL_FOLDER: repository,
        LIFEBOAT_TEST_KILL_AT: String(killAt),
        LIFEBOAT_TEST_KILL_LOG: log,
      }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) => {
        const changes = existsSync(log) ? (JSON.parse(readFileSync(log, "utf8")) as string[]) : [];
        resolve({ exitCode, signal, said, changes });
      });
    });
  }

  const on = (repository: string) => ["--repo", repository, "--no-lock", "--no-cache"];

  /** By stock restic: whatever it can restore of any snapshot. */
  async function wholeIn(repository: string): Promise<Whole> {
    const whole = new Set<string>();
    for (const id of readdirSync(join(repository, "snapshots")).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
      const target = place("restored");
      await restic.run(["restore", id, "--target", target, ...on(repository)], { accept: "any" });
      for (const [path, hash] of await fingerprintOf(target)) whole.add(`${path.slice(target.length)} ${hash}`);
      rmSync(target, { recursive: true, force: true });
    }
    return whole;
  }

  function copyOf(repository: string): string {
    const copy = place(`copy-${++copies}`);
    cpSync(repository, copy, { recursive: true, preserveTimestamps: true });
    return copy;
  }

  /** The pack of files that is the largest. */
  function largestPack(repository: string): string {
    const packs = readdirSync(join(repository, "data"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const paths = packs.map((entry) => join(entry.parentPath, entry.name));
    return paths.sort((one, other) => readFileSync(other).length - readFileSync(one).length)[0]!;
  }

  function loseIndex(repository: string): void {
    const [first] = readdirSync(join(repository, "index"));
    rmSync(join(repository, "index", first!));
  }

  async function losePack(repository: string): Promise<void> {
    rmSync(largestPack(repository));
    const { exitCode, said } = await repair(repository, ["index"]);
    expect([0, 6], said).toContain(exitCode);
  }

  function flipByte(repository: string): string {
    const path = largestPack(repository);
    const bytes = readFileSync(path);
    bytes[1000]! ^= 1;
    rmSync(path);
    writeFileSync(path, bytes);
    return basename(path);
  }

  /**
   * Repairs one copy in one go, and others until they are killed; these are then repaired by the same command. `then` is what a person runs
   * after it, so that nothing is damaged any more.
   */
  async function killAndComplete(damaged: string, words: readonly string[], then?: readonly string[]): Promise<void> {
    const before = await wholeIn(damaged);
    const uninterrupted = copyOf(damaged);
    const done = await repair(uninterrupted, words);
    expect(done.exitCode, done.said).toBe(0);
    // restic restores nothing of a snapshot of which a blob is in no index: what is lost is so whether or not a repair was killed.
    const after = await wholeIn(uninterrupted);
    const finish = async (repository: string, name: string) => {
      if (then !== undefined) expect((await repair(repository, then)).exitCode, name).toBe(0);
      const { exitCode, stdout, stderr } = await restic.run(["check", "--read-data", ...on(repository)], { accept: "any" });
      expect(exitCode, `${name}\n${stdout}${stderr}`).toBe(0);
      return [...(await wholeIn(repository))].sort();
    };
    const wanted = await finish(uninterrupted, "not killed");
    expect(wanted.length).toBeGreaterThan(10);
    expect(wanted).toEqual(expect.arrayContaining([...before]));
    const points = done.changes.map((_, index) => index + 1);
    expect(points.length).toBeGreaterThan(5);
    const chosen: number[] = [];
    while (chosen.length < killCount && points.length > 0) chosen.push(...points.splice(random.below(points.length), 1));
    for (const at of chosen) {
      const repository = copyOf(damaged);
      const killed = await repair(repository, words, at);
      const name = `${words[0]} killed ${done.changes[at - 1]} (${at} of ${done.changes.length}, seed ${seed})\n${killed.said}`;
      expect(killed.signal, name).toBe("SIGKILL");
      const left = await wholeIn(repository);
      expect(
        [...before].filter((file) => after.has(file) && !left.has(file)),
        name,
      ).toEqual([]);
      const again = await repair(repository, words);
      expect(again.exitCode, `${name}\n${again.said}`).toBe(0);
      expect(await finish(repository, `${name}\n${again.said}`), name).toEqual(wanted);
      rmSync(repository, { recursive: true });
    }
  }

  const mendSnapshots = ["snapshots", "--forget"];

  test("repair index", async () => {
    const damaged = copyOf(place("repo"));
    loseIndex(damaged);
    await killAndComplete(damaged, ["index"]);
  }, 280_000);

  test("repair packs, which keeps a copy of the damaged one", async () => {
    const damaged = copyOf(place("repo"));
    const id = flipByte(damaged);
    mkdirSync(place("kept"));
    await killAndComplete(damaged, ["packs", id, "--keep", place("kept")], mendSnapshots);
    const kept = readFileSync(place(`kept/pack-${id}`));
    expect(createHash("sha256").update(kept).digest("hex")).not.toBe(id);
  }, 280_000);

  test("repair snapshots", async () => {
    const damaged = copyOf(place("repo"));
    await losePack(damaged);
    await killAndComplete(damaged, mendSnapshots);
  }, 280_000);
});
