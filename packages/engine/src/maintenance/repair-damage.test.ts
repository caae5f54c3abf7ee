import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findStockRestic } from "../../../../test/services/index.ts";
import { createLocalStore, injectFaults, type ObjectStore } from "../backend/index.ts";
import { encodeTree } from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { openRepository } from "../repository/open-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { loadIndexFiles } from "./load-index-files.ts";
import { repairIndex } from "./repair-index.ts";
import { repairPacks } from "./repair-packs.ts";
import { executeSnapshotRepair, planSnapshotRepair } from "./repair-snapshots.ts";
import {
  backUpRounds,
  createStockFixture,
  fixtureClock,
  hasRestic,
  objectPaths,
  password,
  snapshotIds,
} from "./stock-restic-fixture.ts";

const later = await findStockRestic("0.18");
const options = () => ({ signal: new AbortController().signal, clock: fixtureClock, beforeReplace: async () => {} });

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  rmSync(path);
  writeFileSync(path, bytes);
}

describe.skipIf(!hasRestic)(
  "repairing damage in a repository that stock restic wrote (needs restic)",
  { timeout: 400_000 },
  () => {
    let fixture: ReturnType<typeof createStockFixture>;
    let ids: string[] = [];
    beforeAll(async () => {
      fixture = createStockFixture();
      ids = await backUpRounds(fixture, 3, 2_000_000);
    });
    afterAll(() => fixture.remove());

    const packsOf = async (path: string, contents: "tree" | "data") => {
      const { packs } = await loadIndexFiles(await fixture.open(path));
      return objectPaths(path, "data").filter((file) => packs.get(basename(file))?.contents === contents);
    };
    const repairSnapshots = async (repository: Repository, forget: boolean, removeUnreadable: string[] = []) => {
      const plan = await planSnapshotRepair(repository, options());
      return { plan, ...(await executeSnapshotRepair(repository, plan, { ...options(), forget, removeUnreadable })) };
    };
    /** By the later restic, where the machine has it, and by its own. */
    const expectSound = (path: string) => {
      fixture.restic(["check", "--read-data", "--no-lock"], path);
      if (!("path" in later)) return;
      const env = { PATH: "/usr/bin:/bin", HOME: fixture.folder, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: path };
      execFileSync(later.path, ["check", "--read-data", "--no-lock", "--no-cache"], { env, stdio: "pipe" });
    };
    const listing = (path: string, id: string) =>
      new Map(
        fixture
          .restic(["ls", "--json", id], path)
          .trim()
          .split("\n")
          .slice(1)
          .map((line) => JSON.parse(line) as { path: string; type: string; size?: number })
          .map((node) => [node.path, node]),
      );
    const contentOf = (path: string, id: string, file: string) => fixture.restic(["dump", id, file], path);
    /** All that was not hit is there as it was. */
    const expectOthersWhole = (path: string, from: string, to: string, hit: ReadonlySet<string>) => {
      const before = listing(fixture.repositoryPath, from);
      const after = listing(path, to);
      let compared = 0;
      for (const [file, node] of before) {
        if (hit.has(file)) continue;
        expect(after.get(file), file).toEqual(node);
        if (node.type !== "file" || compared++ % 10 !== 0) continue;
        expect(contentOf(path, to, file) === contentOf(fixture.repositoryPath, from, file), file).toBe(true);
      }
      // No path is gone: files are cut, and stand there.
      expect([...after.keys()]).toEqual([...before.keys()]);
      expect(compared + hit.size).toBeGreaterThan(20);
      expect(compared).toBeGreaterThan(0);
    };

    it("a repository without damage stays as it is", async () => {
      const path = fixture.copyRepository();
      const before = execFileSync("find", [path, "-type", "f"]).toString();
      const done = await repairSnapshots(await fixture.open(path), true);
      expect(done).toMatchObject({ repaired: [], removed: [], plan: { changes: [], lost: [], unreadable: [], whole: 3 } });
      const pack = basename(objectPaths(path, "data")[0]!);
      const copies: string[] = [];
      const saveCopy = async (id: string) => void copies.push(id);
      expect(await repairPacks(await fixture.open(path), { ...options(), packs: [pack], saveCopy })).toMatchObject({
        packs: [{ id: pack, outcome: "sound", lostBlobs: [] }],
      });
      expect([copies, execFileSync("find", [path, "-type", "f"]).toString()]).toEqual([[], before]);
    });

    it.each([false, true])("a lost pack of files, with forget: %s: what it held goes, all else stays", async (forget) => {
      const path = fixture.copyRepository();
      const [lostPack] = await packsOf(path, "data");
      rmSync(lostPack!);
      await expect(repairSnapshots(await fixture.open(path), forget)).rejects.toMatchObject({
        code: "repository-damaged",
        hint: expect.stringContaining("repair index"),
      });
      await repairIndex(await fixture.open(path), options());
      const before = objectPaths(path, "snapshots").length;
      const dry = await planSnapshotRepair(await fixture.open(path), options());
      expect(objectPaths(path, "snapshots").length).toBe(before);
      expect(dry.changes.length).toBeGreaterThan(0);
      const done = await repairSnapshots(await fixture.open(path), forget);
      expect(done.repaired.map(({ from }) => from)).toEqual(dry.changes.map(({ snapshot }) => snapshot.id));
      const left = fixture.restic(["snapshots", "--json", "--no-lock"], path);
      const all = JSON.parse(left) as { id: string; tags: string[]; original?: string }[];
      expect(all).toHaveLength(forget ? 3 : 3 + done.repaired.length);
      for (const { from, to } of done.repaired) {
        const stored = all.find(({ id }) => id === to.id)!;
        expect(stored.original).toBe(from);
        expect(stored.tags.includes("repaired")).toBe(!forget);
        // What lost content has problems, and is not what its run had made.
        expect(to.lifeboat?.problem_count).toBeGreaterThan(0);
        expect(all.some(({ id }) => id === from)).toBe(!forget);
        const hit = new Set(dry.paths.map((one) => one.path as string));
        expectOthersWhole(path, from, to.id, hit);
        const after = listing(path, to.id);
        // The path may be hit in another snapshot and whole in this one.
        const whole = listing(fixture.repositoryPath, from);
        const sizes = [...hit].map((file) => [after.get(file)?.size ?? 0, whole.get(file)?.size ?? 0] as const);
        expect(sizes.some(([now, before]) => now < before)).toBe(true);
        expect(sizes.filter(([now, before]) => now > before)).toEqual([]);
      }
      // A second call finds what the first one made, and makes no more of it.
      const again = await repairSnapshots(await fixture.open(path), forget);
      expect(again.repaired.map(({ to }) => to.id)).toEqual(forget ? [] : done.repaired.map(({ to }) => to.id));
      if (!forget) await repairSnapshots(await fixture.open(path), true);
      expectSound(path);
    });

    it("a flipped byte in a pack of files: what opens is salvaged, one blob is lost, its file is cut", async () => {
      const path = fixture.copyRepository();
      const packs = await packsOf(path, "data");
      // Of several blobs.
      const { repository } = await loadIndexFiles(await fixture.open(path));
      const blobs = new Map<string, number>();
      for (const { packId } of repository.index.entries()) blobs.set(packId, (blobs.get(packId) ?? 0) + 1);
      const damaged = packs.find((pack) => (blobs.get(basename(pack)) ?? 0) > 5)!;
      flip(damaged, 1000);
      const id = basename(damaged);
      expect(fixture.tryRestic(["check", "--read-data", "--no-lock"], path).status).not.toBe(0);
      const dry = await repairPacks(await fixture.open(path), { ...options(), packs: [id], dryRun: true });
      expect(existsSync(damaged)).toBe(true);
      const copies = new Map<string, Uint8Array>();
      const saveCopy = async (pack: string, bytes: Uint8Array) => void copies.set(pack, bytes);
      const done = await repairPacks(await fixture.open(path), { ...options(), packs: [id], saveCopy });
      expect(done).toEqual(dry);
      expect(done.packs).toMatchObject([{ id, outcome: "salvaged", salvagedBlobs: blobs.get(id)! - 1 }]);
      expect(done.packs[0]!.lostBlobs).toHaveLength(1);
      expect([...copies.keys()]).toEqual([id]);
      expect(existsSync(damaged)).toBe(false);
      // The same words again, as after a kill, when the other pack was perhaps not reached.
      const other = basename(packs.find((pack) => pack !== damaged)!);
      const again = await repairPacks(await fixture.open(path), { ...options(), packs: [id, other], saveCopy });
      expect(again).toMatchObject({
        packs: [
          { id, outcome: "absent", lostBlobs: [] },
          { id: other, outcome: "sound" },
        ],
        leftPacks: 0,
      });
      const repaired = await repairSnapshots(await fixture.open(path), true);
      expect(repaired.plan.paths).toHaveLength(1);
      const hit = new Set(repaired.plan.paths.map((one) => one.path as string));
      for (const { from, to } of repaired.repaired) expectOthersWhole(path, from, to.id, hit);
      expectSound(path);
    });

    it("packs are not repaired while an index file is damaged: it may name them, and somebody's cache may have it whole", async () => {
      const path = fixture.copyRepository();
      const [pack] = await packsOf(path, "data");
      flip(pack!, 1000);
      flip(objectPaths(path, "index")[0]!, 40);
      const packs = [basename(pack!)];
      await expect(repairPacks(await fixture.open(path), { ...options(), packs })).rejects.toMatchObject({
        code: "repository-damaged",
        hint: expect.stringContaining("repair index"),
      });
      expect(existsSync(pack!)).toBe(true);
      await repairIndex(await fixture.open(path), options());
      expect(await repairPacks(await fixture.open(path), { ...options(), packs })).toMatchObject({
        packs: [{ outcome: "salvaged" }],
      });
      await repairSnapshots(await fixture.open(path), true);
      expectSound(path);
    });

    it.each([
      ["its end", (bytes: Buffer) => bytes.subarray(0, bytes.length - 3000)],
      ["its header", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -30), Buffer.alloc(30)])],
    ])("a pack of folders that lost %s: folders that open are salvaged, others are empty", async (_, damage) => {
      const path = fixture.copyRepository();
      const [damaged] = await packsOf(path, "tree");
      const bytes = readFileSync(damaged!);
      rmSync(damaged!);
      writeFileSync(damaged!, damage(bytes));
      const done = await repairPacks(await fixture.open(path), { ...options(), packs: [basename(damaged!)] });
      expect(done.packs[0]).toMatchObject({ outcome: "salvaged" });
      const repaired = await repairSnapshots(await fixture.open(path), true);
      expect(repaired.removed).toEqual(repaired.plan.lost.map(({ id }) => id));
      expect(fixture.restic(["snapshots", "--json", "--no-lock"], path)).not.toContain("null");
      expectSound(path);
    });

    it("a snapshot whose first folder is lost goes with forget only, one that cannot be read only by its name", async () => {
      const path = fixture.copyRepository();
      for (const pack of await packsOf(path, "tree")) rmSync(pack);
      flip(join(path, "snapshots", ids[1]!), 40);
      await repairIndex(await fixture.open(path), options());
      const kept = await repairSnapshots(await fixture.open(path), false);
      expect(kept).toMatchObject({ repaired: [], removed: [] });
      expect(kept.plan.lost.map(({ id }) => id).sort()).toEqual([ids[0], ids[2]].sort());
      expect(kept.plan.unreadable.map(({ id }) => id)).toEqual([ids[1]]);
      expect(objectPaths(path, "snapshots")).toHaveLength(3);
      await repairSnapshots(await fixture.open(path), true);
      expect(objectPaths(path, "snapshots").map((file) => basename(file))).toEqual([ids[1]]);
      await repairSnapshots(await fixture.open(path), true, [ids[1]!]);
      expect(objectPaths(path, "snapshots")).toEqual([]);
      expectSound(path);
    });

    it("a pack that this machine's cache has whole is stored again, and nothing is lost", async () => {
      const path = fixture.copyRepository();
      const cache = { folder: join(fixture.folder, "cache"), clock: fixtureClock };
      const open = () => openRepository({ store: createLocalStore({ path }), location: { url: path }, cache }, password);
      const filling = await open();
      await filling.loadIndex();
      for (const { tree } of await filling.listSnapshots()) await filling.loadTree(tree);
      const trees = await packsOf(path, "tree");
      const kept = trees.filter((pack) => existsSync(join(cache.folder, filling.config.id, "data", basename(pack))));
      expect(kept.length).toBeGreaterThan(1);
      flip(kept[0]!, 500);
      rmSync(kept[1]!);
      const packs = kept.slice(0, 2).map((pack) => basename(pack));
      const done = await repairPacks(await open(), { ...options(), packs });
      expect(done.packs).toMatchObject([
        { outcome: "restored", lostBlobs: [] },
        { outcome: "restored", lostBlobs: [] },
      ]);
      expectSound(path);
      for (const id of ids) expect(fixture.restic(["ls", "--long", id], path)).toBe(fixture.restic(["ls", "--long", id]));
    });

    it("killed after any operation it leaves no blob less than before, and the next call ends the work", async () => {
      const damage = async () => {
        const path = fixture.copyRepository();
        const damaged = (await packsOf(path, "data"))[0]!;
        flip(damaged, 1000);
        return { path, id: basename(damaged) };
      };
      const work = async (path: string, id: string, wrap?: (store: ObjectStore) => ObjectStore) => {
        await repairPacks(await fixture.open(path, wrap), { ...options(), packs: [id] });
        await repairSnapshots(await fixture.open(path, wrap), true);
      };
      const counted = await damage();
      let operations = 0;
      const changes = (store: ObjectStore, each: () => void): ObjectStore => ({
        ...store,
        put: async (...words) => {
          await store.put(...words);
          each();
        },
        delete: async (...words) => {
          await store.delete(...words);
          each();
        },
      });
      await work(counted.path, counted.id, (store) => changes(store, () => void operations++));
      expect(operations).toBeGreaterThan(5);
      expectSound(counted.path);
      for (let at = 1; at < operations; at++) {
        const { path, id } = await damage();
        let left = at;
        const stop = (store: ObjectStore) =>
          changes(store, () => {
            if (--left <= 0) throw new Error("killed here");
          });
        await expect(work(path, id, stop), `operation ${at}`).rejects.toThrow("killed here");
        // What was whole is named by an index and there, whenever it stops.
        const { repository } = await loadIndexFiles(await fixture.open(path));
        const sound = listing(fixture.repositoryPath, ids[0]!);
        expect(repository.index.packIds.filter((pack) => !existsSync(join(path, "data", pack.slice(0, 2), pack)))).toEqual([]);
        expect(sound.size).toBeGreaterThan(0);
        const isGone = !existsSync(join(path, "data", id.slice(0, 2), id));
        if (isGone) await repairSnapshots(await fixture.open(path), true);
        else await work(path, id);
        if (at % 3 === 0) expectSound(path);
        rmSync(path, { recursive: true, force: true });
      }
    });

    it("a damaged folder with fields that would be lost is refused, and nothing is changed", async () => {
      const path = fixture.copyRepository();
      const repository = await fixture.open(path);
      await repository.loadIndex();
      const [first] = await repository.listSnapshots();
      const text = encodeTree(await repository.loadTree(first!.tree)).toString("utf8");
      const damaged = text.replace(/"subtree":"[0-9a-f]{64}"/, `"subtree":"${"ab".repeat(32)}"`);
      const writer = new BlobWriter(repository);
      const tree = writer.saveTree(Buffer.from(damaged.replace('{"name":', '{"generic_attributes":{},"name":')));
      await writer.finish();
      await writer.close();
      const { id: _, ...fields } = first!;
      await repository.saveSnapshot({ ...fields, tree });
      const before = snapshotIds(fixture, path).sort();
      const refused = expect.objectContaining({
        code: "repository-unsupported",
        hint: expect.stringContaining("repair snapshots"),
      });
      await expect(planSnapshotRepair(await fixture.open(path), options())).rejects.toEqual(refused);
      expect(snapshotIds(fixture, path).sort()).toEqual(before);
    });

    it("a store that cannot be reached is no damage", async () => {
      const path = fixture.copyRepository();
      const fault = { name: "down", operation: "get", prefix: "data/", at: 1, times: 1000, effect: { kind: "fail" } } as const;
      const repository = await fixture.open(path, (store) => injectFaults(store, [fault]));
      await expect(planSnapshotRepair(repository, options())).rejects.toMatchObject({ code: expect.stringMatching(/^store-/) });
      const packs = [basename(objectPaths(path, "data")[0]!)];
      await expect(repairPacks(repository, { ...options(), packs })).rejects.toMatchObject({
        code: expect.stringMatching(/^store-/),
      });
    });
  },
);
