import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBytes } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { injectFaults } from "../backend/index.ts";
import { diffSnapshots } from "./diff-snapshots.ts";
import { repositoryStats } from "./repository-stats.ts";
import { backUpRounds, createStockFixture, hasRestic } from "./stock-restic-fixture.ts";

interface StockIndex {
  readonly packs: { readonly blobs: { readonly length: number; readonly uncompressed_length?: number }[] }[];
}

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
    const lines = fixture.restic(["diff", "--metadata", before!.id, after!.id]).split("\n");
    const stock = lines.flatMap((line) => {
      const parts = /^([-+MUT])\S*\s+(\/.*?)(\/?)$/.exec(line);
      // restic tells a folder as changed also when only what is below it has changed.
      if (parts === null || (parts[1] === "U" && parts[3] === "/")) return [];
      return [`${parts[1]} ${parts[2]}`];
    });
    const ours: string[] = [];
    for await (const { sign, path, before: left, after: right } of diffSnapshots(repository, before!.tree, after!.tree)) {
      expect(sign === "+" ? left : sign === "-" ? right : undefined).toBeUndefined();
      const line = `${sign} ${Buffer.from(toBytes(path)).toString()}`;
      if (sign === "U" && right?.type === "dir")
        expect(lines.map((other) => other.replace(/^U\s+(.*)\/$/, "U $1"))).toContain(line);
      else ours.push(line);
    }
    expect(stock.length).toBeGreaterThan(15);
    expect(ours.sort()).toEqual(stock.sort());
    expect(ours.map((line) => line[0])).toEqual(expect.arrayContaining(["+", "-", "U", "T"]));
  });

  it("reads nothing for equal trees", async () => {
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
    const indexes = fixture.restic(["list", "index"]).trim().split("\n");
    const blobs = indexes.flatMap((id) =>
      (JSON.parse(fixture.restic(["cat", "index", id])) as StockIndex).packs.flatMap((pack) => pack.blobs),
    );
    expect(stats.plainBytes).toBe(blobs.reduce((sum, blob) => sum + (blob.uncompressed_length ?? blob.length - 32), 0));
    expect(stats).toMatchObject({ snapshots: 2, locks: 0 });
    expect(stats.storedBytes).toBeGreaterThan(raw.total_size);
  });
});
