import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { injectFaults, type ObjectStore } from "../backend/index.ts";
import { checkRepository } from "./check-repository.ts";
import { loadIndexFiles } from "./load-index-files.ts";
import { repairIndex } from "./repair-index.ts";
import { backUpRounds, createStockFixture, fixtureClock, hasRestic, objectPaths } from "./stock-restic-fixture.ts";

const options = () => ({ signal: new AbortController().signal, clock: fixtureClock, beforeReplace: async () => {} });

describe.skipIf(!hasRestic)(
  "repairing the index of a repository that stock restic wrote (needs restic)",
  { timeout: 300_000 },
  () => {
    let fixture: ReturnType<typeof createStockFixture>;
    let ids: string[] = [];
    beforeAll(async () => {
      fixture = createStockFixture();
      ids = await backUpRounds(fixture, 3, 2_000_000);
    });
    afterAll(() => fixture.remove());
    const copyRepository = () => fixture.copyRepository();
    const check = async (path: string) => checkRepository(await fixture.open(path), { ...options(), readData: false });
    const expectWhole = (path: string) => {
      fixture.restic(["check", "--read-data", "--no-lock"], path);
      for (const id of ids) expect(fixture.restic(["ls", "--long", id], path)).toBe(fixture.restic(["ls", "--long", id]));
    };

    it("all index files gone: every pack is found again, and stock restic finds no fault", async () => {
      const path = copyRepository();
      for (const file of objectPaths(path, "index")) rmSync(file);
      expect(fixture.tryRestic(["check", "--no-lock"], path).status).not.toBe(0);
      const dry = await repairIndex(await fixture.open(path), { ...options(), dryRun: true });
      const packs = objectPaths(path, "data").length;
      expect(dry).toMatchObject({ foundPacks: packs, missingPacks: [], unreadablePacks: [], storedIndexFiles: 0 });
      expect(objectPaths(path, "index")).toEqual([]);
      const done = await repairIndex(await fixture.open(path), options());
      expect(done).toMatchObject({ foundPacks: packs, foundBlobs: dry.foundBlobs, storedIndexFiles: 1 });
      expectWhole(path);
      const again = await repairIndex(await fixture.open(path), options());
      expect(again).toMatchObject({ foundPacks: 0, replacedIndexFiles: 0, storedIndexFiles: 0 });
    });

    it("one index file gone and another damaged: what the sound ones say stays as it is", async () => {
      const path = copyRepository();
      const [first, second, third] = objectPaths(path, "index");
      rmSync(first!);
      const bytes = readFileSync(second!);
      bytes[40]! ^= 1;
      rmSync(second!);
      writeFileSync(second!, bytes);
      const done = await repairIndex(await fixture.open(path), options());
      expect(done.damagedIndexFiles.map(({ id }) => id)).toEqual([basename(second!)]);
      expect(done).toMatchObject({ missingPacks: [], unreadablePacks: [], replacedIndexFiles: 1, storedIndexFiles: 1 });
      expect(objectPaths(path, "index")).toContain(third);
      expectWhole(path);
    });

    it("a pack that is gone is dropped, and what it held is named by the check", async () => {
      const path = copyRepository();
      const { packs } = await loadIndexFiles(await fixture.open(path));
      const gone = objectPaths(path, "data").find((file) => packs.get(basename(file))?.contents === "data")!;
      rmSync(gone);
      const done = await repairIndex(await fixture.open(path), options());
      expect(done).toMatchObject({ missingPacks: [basename(gone)], foundPacks: 0, replacedIndexFiles: 1 });
      const report = await check(path);
      expect(new Set(report.errors.map(({ kind }) => kind))).toEqual(new Set(["blob-missing"]));
      expect(report.errors[0]?.detail).toMatch(/a blob of .* of snapshot [0-9a-f]{64} is in no index/);
      // restic finds the same, and nothing else: the index itself is whole.
      const stock = fixture.tryRestic(["check", "--no-lock"], path);
      expect(stock.status).not.toBe(0);
      expect(stock.stderr + stock.stdout).not.toMatch(/pack .*(does not exist|not found)/);
      // What the source still has comes back with the next backup.
      fixture.restic(["backup", fixture.sourcePath, "--host", "web1", "--force"], path);
      const left = await check(path);
      expect(left.errorCount).toBeLessThan(report.errorCount);
    });

    it("a pack without a sound header is named and left where it is", async () => {
      const path = copyRepository();
      const [largest, other] = objectPaths(path, "data");
      const cut = readFileSync(largest!).subarray(0, -200);
      rmSync(largest!);
      writeFileSync(largest!, cut);
      const lying = readFileSync(other!);
      lying.writeUInt32LE(0xffff_fff0, lying.length - 4);
      rmSync(other!);
      writeFileSync(other!, lying);
      const done = await repairIndex(await fixture.open(path), { ...options(), readAllPacks: true });
      expect(done.unreadablePacks.map(({ id }) => id).sort()).toEqual([basename(largest!), basename(other!)].sort());
      expect(done.unreadablePacks.map(({ detail }) => detail).join()).toMatch(/header cannot have 4294967280 bytes/);
      expect(readFileSync(largest!).length).toBe(cut.length);
      const { packs } = await loadIndexFiles(await fixture.open(path));
      expect([...packs.keys()].sort()).toEqual(
        objectPaths(path, "data")
          .map((file) => basename(file))
          .filter((id) => id !== basename(largest!) && id !== basename(other!))
          .sort(),
      );
    });

    it("killed before any write, nothing that was reachable is lost, and the next repair ends it", async () => {
      const damaged = copyRepository();
      const [first] = objectPaths(damaged, "index");
      rmSync(first!);
      const before = (await check(damaged)).errorCount;
      let killed = 0;
      for (let at = 1; ; at++) {
        const path = join(fixture.folder, `killed-${at}`);
        cpSync(damaged, path, { recursive: true });
        const dead = new Error("killed");
        const wrap = (store: ObjectStore) => {
          let writes = 0;
          const die = () => {
            if (++writes >= at) throw dead;
          };
          return injectFaults(store, [
            { name: "put", operation: "put", at: 1, times: 1000, effect: { kind: "call", call: die } },
            { name: "delete", operation: "delete", at: 1, times: 1000, effect: { kind: "call", call: die } },
          ]);
        };
        const end = await repairIndex(await fixture.open(path, wrap), { ...options(), readAllPacks: true }).catch(
          (error) => error,
        );
        if (end !== dead) break;
        killed++;
        expect((await check(path)).errorCount).toBeLessThanOrEqual(before);
        await repairIndex(await fixture.open(path), options());
        expectWhole(path);
        rmSync(path, { recursive: true });
      }
      expect(killed).toBeGreaterThanOrEqual(3);
    });
  },
);
