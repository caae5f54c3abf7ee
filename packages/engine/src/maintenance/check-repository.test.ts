import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocalStore, injectFaults } from "../backend/index.ts";
import { openRepository } from "../repository/open-repository.ts";
import type { CheckReport, ReadDataChoice } from "./check-report.ts";
import { checkContent, checkRepository, checkStructure, isStructureStillThere } from "./check-repository.ts";
import { loadIndexFiles } from "./load-index-files.ts";
import { backUpRounds, createStockFixture, fixtureClock, hasRestic, objectPaths, password } from "./stock-restic-fixture.ts";

const options = (readData: ReadDataChoice) => ({ readData, signal: new AbortController().signal, clock: fixtureClock });

/** Files in a repository are read-only. */
function rewrite(path: string, change: (bytes: Buffer) => Buffer): void {
  const bytes = change(readFileSync(path));
  rmSync(path);
  writeFileSync(path, bytes);
}
const flip = (at: number) => (bytes: Buffer) => {
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return bytes;
};

describe.skipIf(!hasRestic)("checking a repository that stock restic wrote (needs restic)", { timeout: 300_000 }, () => {
  let fixture: ReturnType<typeof createStockFixture>;
  let ids: string[] = [];
  beforeAll(async () => {
    fixture = createStockFixture();
    ids = await backUpRounds(fixture, 2, 20_000_000);
  });
  afterAll(() => fixture.remove());

  const check = async (path: string, readData: ReadDataChoice): Promise<CheckReport> =>
    checkRepository(await fixture.open(path), options(readData));
  const copyRepository = () => fixture.copyRepository();
  /** Ids of packs that hold folders, or data, of which the largest comes first. */
  const packsOf = async (path: string, contents: "tree" | "data") => {
    const { packs } = await loadIndexFiles(await fixture.open(path));
    return objectPaths(path, "data").filter((file) => packs.get(basename(file))?.contents === contents);
  };

  it("finds nothing wrong, and has read every byte", async () => {
    const report = await check(fixture.repositoryPath, true);
    const sizes = objectPaths(fixture.repositoryPath, "data").map((path) => readFileSync(path).length);
    expect(report).toMatchObject({
      errors: [],
      errorCount: 0,
      hints: [],
      snapshots: 2,
      packs: sizes.length,
      unindexedPacks: 0,
      affected: [],
    });
    expect(report.bytesRead).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(report.trees).toBeGreaterThan(8);
    expect((await check(fixture.repositoryPath, false)).bytesRead).toBe(0);
  });

  it("begins without a lock, and knows when what it has read is not there any more", async () => {
    const path = copyRepository();
    const { signal } = new AbortController();
    const read = async () => checkStructure(await fixture.open(path), { signal });
    const [before, walked] = [await read(), await read()];
    expect(await isStructureStillThere(before, signal)).toBe(true);
    // What it names stays until a prune; and a backup only adds.
    fixture.restic(["forget", ids[0]!], path);
    fixture.restic(["backup", "--force", "--exclude", "*", fixture.sourcePath], path);
    expect(await isStructureStillThere(before, signal)).toBe(true);
    expect(await checkContent(walked, options(true))).toMatchObject({ errors: [], snapshots: 2 });
    fixture.restic(["prune", "--max-unused", "0"], path);
    expect(await isStructureStillThere(before, signal)).toBe(false);
    expect((await checkContent(before, options(false))).errorCount).toBeGreaterThan(0);
    const after = await read();
    expect(await checkContent(after, options(true))).toMatchObject({ errors: [], snapshots: 2 });
    // What looks damaged may have been somebody's work: it is read again.
    const [pack] = await packsOf(path, "data");
    rmSync(pack!);
    const damaged = await read();
    expect(damaged.errors.count).toBe(1);
    expect(await isStructureStillThere(damaged, signal)).toBe(false);
  });

  it("reads every pack once in the parts of a rotation, and a share of them", async () => {
    const all = objectPaths(fixture.repositoryPath, "data").length;
    const parts = await Promise.all([1, 2, 3].map((part) => check(fixture.repositoryPath, { part, of: 3 })));
    expect(parts.reduce((sum, { packsRead }) => sum + packsRead, 0)).toBe(all);
    const some = await check(fixture.repositoryPath, { bytes: 20_000_000 });
    expect(some.bytesRead).toBeGreaterThanOrEqual(20_000_000);
    expect(some.packsRead).toBeLessThan(all);
    expect((await check(fixture.repositoryPath, { bytes: 1 })).packsRead).toBe(1);
    expect((await check(fixture.repositoryPath, { bytes: 1e12 })).packsRead).toBe(all);
    const share = await check(fixture.repositoryPath, { ratio: 0.4 });
    expect(share.packsRead).toBe(Math.ceil(all * 0.4));
  });

  const damages: [name: string, damage: (path: string) => Promise<void>, kind: string, needsReading?: boolean][] = [
    ["a missing data pack", async (path) => rmSync((await packsOf(path, "data"))[0]!), "pack-missing"],
    [
      "a truncated data pack",
      async (path) => rewrite((await packsOf(path, "data"))[0]!, (bytes) => bytes.subarray(0, -1000)),
      "pack-size",
    ],
    ["a flipped byte in a blob", async (path) => rewrite((await packsOf(path, "data"))[0]!, flip(100_000)), "pack-damaged", true],
    [
      "a flipped byte in a pack's header",
      async (path) => rewrite((await packsOf(path, "data"))[0]!, flip(-20)),
      "pack-damaged",
      true,
    ],
    ["a missing index", async (path) => rmSync(objectPaths(path, "index")[0]!), "tree-missing"],
    ["a flipped byte in an index", async (path) => rewrite(objectPaths(path, "index")[0]!, flip(50)), "index-damaged"],
    ["a missing pack of folders", async (path) => rmSync((await packsOf(path, "tree"))[0]!), "tree-damaged"],
    ["a flipped snapshot", async (path) => rewrite(join(path, "snapshots", ids[0]!), flip(40)), "snapshot-damaged"],
  ];
  it.each(damages)("finds %s, as restic does", async (_, damage, kind, needsReading = false) => {
    const path = copyRepository();
    try {
      await damage(path);
      const report = await check(path, true);
      expect(report.errors.map((error) => error.kind)).toContain(kind);
      expect(report.errorCount).toBe(report.errors.length);
      // restic asks again for a minute for a pack that is not there, but says at once that it is missing.
      const isMissing = report.errors.some((error) => error.kind === "pack-missing");
      const stock = fixture.tryRestic(isMissing ? ["check"] : ["check", "--read-data"], path, isMissing ? 20_000 : 240_000);
      expect(stock.status).not.toBe(0);
      if (isMissing) expect(stock.stderr).toMatch(/pack [0-9a-f]+: does not exist/);
      if (needsReading) expect((await check(path, false)).errors).toEqual([]);
    } finally {
      rmSync(path, { recursive: true });
    }
  });

  it("names the files that a damaged pack hits, and no others", async () => {
    const path = copyRepository();
    rewrite((await packsOf(path, "data"))[0]!, flip(100_000));
    const report = await check(path, true);
    expect(report.errors).toHaveLength(1);
    expect(report.affectedCount).toBe(report.affected.length);
    expect(report.affected.length).toBeGreaterThan(0);
    expect(report.affected.every((file) => file.path.startsWith(byteString(fixture.sourcePath)))).toBe(true);
    for (const { snapshot, path: file } of [report.affected[0]!, report.affected.at(-1)!]) {
      expect(fixture.tryRestic(["dump", snapshot, file], path).status, file).not.toBe(0);
    }
    const hit = new Set(report.affected.map((file) => file.path as string));
    // The same file is hit in both snapshots or in one; nothing else is.
    expect(report.affected.length).toBeLessThan(3);
    const sound = fixture
      .restic(["ls", ids[1]!])
      .split("\n")
      .filter((line) => line.endsWith(".bin") && !hit.has(line));
    expect(sound.length).toBeGreaterThan(0);
    expect(fixture.tryRestic(["dump", ids[1]!, sound[0]!], path).status).toBe(0);
    rmSync(path, { recursive: true });
  });

  it("takes packs without an index and a bad transfer for what they are: no damage", async () => {
    const path = copyRepository();
    writeFileSync(join(path, "data", "ab", "ab".repeat(32)), "left by a kill");
    const store = injectFaults(createLocalStore({ path }), [
      { name: "bad transfer", operation: "get", prefix: "data/", at: 1, effect: { kind: "flip-bit", byte: 5000 } },
    ]);
    // Folders are read first, so that the bad transfer is one of a pack that is read as a whole.
    const repository = await openRepository({ store }, password);
    for (const snapshot of await repository.listSnapshots()) await store.delete(`snapshots/${snapshot.id}`);
    const report = await checkRepository(repository, options(true));
    store.verifyAllFaultsExercised();
    expect(report.errors).toEqual([]);
    expect(report.unindexedPacks).toBe(1);
    expect(report.hints.join("\n")).toMatch(
      /sound the second time[\s\S]*1 packs are in no index|1 packs are in no index[\s\S]*sound the second time/,
    );
    rmSync(path, { recursive: true });
  });
});
