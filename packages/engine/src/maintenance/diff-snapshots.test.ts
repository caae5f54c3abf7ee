import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBytes } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { injectFaults } from "../backend/index.ts";
import { diffSnapshots } from "./diff-snapshots.ts";
import { repositoryStats } from "./repository-stats.ts";
import { backUpRounds, createStockFixture, hasRestic } from "./stock-restic-fixture.ts";

describe.skipIf(!hasRestic)("what stock restic says of the same repository (needs restic)", { timeout: 300_000 }, () => {
  let fixture: ReturnType<typeof createStockFixture>;
  beforeAll(async () => {
    fixture = createStockFixture();
    mkdirSync(join(fixture.sourcePath, "was-folder"));
    writeFileSync(join(fixture.sourcePath, "was-file"), "x");
    writeFileSync(join(fixture.sourcePath, "mode"), "x");
    writeFileSync(join(fixture.sourcePath, "umläut ☃"), "x");
    await backUpRounds(fixture, 1, 100_000);
    rmSync(join(fixture.sourcePath, "was-folder"), { recursive: true });
    writeFileSync(join(fixture.sourcePath, "was-folder"), "now a file");
    rmSync(join(fixture.sourcePath, "was-file"));
    symlinkSync("mode", join(fixture.sourcePath, "was-file"));
    chmodSync(join(fixture.sourcePath, "mode"), 0o600);
    rmSync(join(fixture.sourcePath, "uploads", "round-1", "deep"), { recursive: true });
    mkdirSync(join(fixture.sourcePath, "new", "below"), { recursive: true });
    writeFileSync(join(fixture.sourcePath, "new", "below", "file"), "new");
    fixture.restic(["backup", fixture.sourcePath, "--host", "web1"]);
  });
  afterAll(() => fixture.remove());

  it("agrees about every difference", async () => {
    const repository = await fixture.open();
    const [before, after] = await repository.listSnapshots();
    const stock = fixture
      .restic(["diff", "--metadata", before!.id, after!.id])
      .split("\n")
      .filter((line) => /^[-+MUT]/.test(line))
      .map((line) => line.replace(/^(\S+)\s+(.*?)\/?$/, "$1 $2"));
    const ours: string[] = [];
    for await (const { sign, path, before: left, after: right } of diffSnapshots(repository, before!.tree, after!.tree)) {
      expect(sign === "+" ? left : sign === "-" ? right : undefined).toBeUndefined();
      ours.push(`${sign} ${Buffer.from(toBytes(path)).toString()}`);
    }
    expect(stock.length).toBeGreaterThan(15);
    // restic puts signs together; for us the first of them says it.
    const signsOf = (lines: string[]) => lines.map((line) => line.replace(/^([-+]|T|M|U)\S* /, "$1 ")).sort();
    expect(signsOf(ours)).toEqual(signsOf(stock));
    expect(ours.map((line) => line[0])).toEqual(expect.arrayContaining(["+", "-", "U", "T"]));
  });

  it("reads nothing for equal trees and little for small changes", async () => {
    const repository = await fixture.open();
    const [before] = await repository.listSnapshots();
    await repository.loadIndex();
    const watched = injectFaults(repository.store, []);
    const spied = Object.assign(Object.create(repository), { store: watched });
    for await (const entry of diffSnapshots(spied, before!.tree, before!.tree)) throw new Error(`differs: ${entry.path}`);
    expect(watched.operations).toEqual([]);
  });

  it("agrees about blobs and bytes", async () => {
    const stats = await repositoryStats(await fixture.open());
    const raw = JSON.parse(fixture.restic(["stats", "--mode", "raw-data", "--json"]));
    expect(stats.dataBlobs + stats.treeBlobs).toBe(raw.total_blob_count);
    expect(stats.plainBytes).toBe(raw.total_uncompressed_size);
    expect(stats).toMatchObject({ snapshots: 2, locks: 0 });
    expect(stats.storedBytes).toBeGreaterThan(raw.total_size);
  });
});
