import { execFileSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createLocalStore, createMemoryStore, injectFaults, type ObjectStore } from "../backend/index.ts";
import { initRepository } from "../repository/open-repository.ts";
import { copySideData } from "./copy-side-data.ts";
import { copySnapshots } from "./copy-snapshots.ts";
import {
  backUpRounds,
  createStockFixture,
  fixtureClock,
  hasRestic,
  initOptions,
  objectPaths,
  password,
  snapshotIds,
} from "./stock-restic-fixture.ts";

const options = () => ({ signal: new AbortController().signal, clock: fixtureClock });

describe.skipIf(!hasRestic)(
  "copying snapshots of a repository that stock restic wrote (needs restic)",
  { timeout: 300_000 },
  () => {
    let fixture: ReturnType<typeof createStockFixture>;
    let ids: string[] = [];
    beforeAll(async () => {
      fixture = createStockFixture();
      ids = await backUpRounds(fixture, 3);
    });
    afterAll(() => fixture.remove());

    const initReplica = async (name: string) => {
      const path = join(fixture.folder, name);
      const source = await fixture.open();
      const store = createLocalStore({ path });
      const place = { store, location: { url: path } };
      const replica = await initRepository(place, password, { ...initOptions, polynomial: source.config.chunkerPolynomial });
      return { path, source, replica };
    };

    it("gives stock restic the same trees, sound to the last byte, and nothing twice", async () => {
      const { path, source, replica } = await initReplica("replica");
      const first = await copySnapshots(source, replica, options());
      expect(first.copied.map(({ from }) => from)).toEqual(ids);
      expect(first.failed).toEqual([]);
      expect(first.bytes).toBeGreaterThan(18_000_000);
      fixture.restic(["check", "--read-data"], path);
      for (const { from, to } of first.copied) {
        expect(fixture.restic(["ls", "--long", to], path).replace(to, from).replace(to.slice(0, 8), from.slice(0, 8))).toBe(
          fixture.restic(["ls", "--long", from]),
        );
      }
      const copies = await replica.listSnapshots();
      expect(copies.map(({ original, parent }) => ({ original, parent }))).toEqual(
        ids.map((id) => ({ original: id, parent: undefined })),
      );
      const target = join(fixture.folder, "restored");
      fixture.restic(["restore", first.copied[2]!.to, "--target", target], path);
      execFileSync("diff", ["-r", fixture.sourcePath, join(target, fixture.sourcePath)]);

      const second = await copySnapshots(await fixture.open(), await fixture.open(path), options());
      expect(second.copied).toEqual([]);
      expect(second.skipped).toEqual(first.copied);
      // restic, too, knows them as copies.
      const from = ["--from-repo", fixture.repositoryPath, "--from-password-command", `echo ${password}`];
      expect(fixture.restic(["copy", ...from], path).match(/skipping source snapshot/g)).toHaveLength(3);
      expect(snapshotIds(fixture, path)).toHaveLength(3);
    });

    it("never leaves a snapshot without its blobs when it is cut at any write, and goes on from there", async () => {
      const clean = await initReplica("counted");
      const counter = injectFaults(clean.replica.store, []);
      await copySnapshots(clean.source, await fixture.open(clean.path, () => counter), options());
      const writes = counter.operations.filter((operation) => operation.startsWith("put ")).length;
      expect(writes).toBeGreaterThan(5);
      for (let at = 1; at <= writes; at++) {
        const { path, source } = await initReplica(`cut-${at}`);
        // Every further write fails, as after a kill.
        const cut = (store: ObjectStore) =>
          injectFaults(store, [{ name: "killed", operation: "put", at, times: 1_000_000, effect: { kind: "fail" } }]);
        const attempt = copySnapshots(source, await fixture.open(path, cut), options());
        await expect(attempt, `cut at write ${at} of ${writes}`).rejects.toThrow("injected");
        const checked = fixture.tryRestic(["check", "--no-lock"], path);
        expect(checked.status, `cut at write ${at}: ${checked.stdout}${checked.stderr}`).toBe(0);
        const rest = await copySnapshots(source, await fixture.open(path), options());
        expect(rest.copied.length + rest.skipped.length).toBe(3);
        expect(snapshotIds(fixture, path)).toHaveLength(3);
        fixture.restic(["check", "--read-data"], path);
        rmSync(path, { recursive: true });
      }
    });

    it("knows after a stop what is stored already, and stores none of it again", async () => {
      const own = createStockFixture();
      onTestFinished(() => own.remove());
      await backUpRounds(own, 1, 100_000_000);
      /** Stopped as soon as the first pack is stored: others are under way. */
      const stopped = async (name: string, beforeCommit?: () => Promise<void>) => {
        const path = join(own.folder, name);
        const store = createLocalStore({ path });
        await initRepository({ store, location: { url: path } }, password, initOptions);
        const stop = new AbortController();
        const stopping = (inner: ObjectStore): ObjectStore => ({
          ...inner,
          async put(...[name, ...rest]: Parameters<ObjectStore["put"]>) {
            await inner.put(name, ...rest);
            if (name.startsWith("data/")) stop.abort(new Error("Ctrl-C"));
          },
        });
        const order = { ...options(), signal: stop.signal, beforeCommit };
        await expect(copySnapshots(await own.open(), await own.open(path, stopping), order)).rejects.toThrow("Ctrl-C");
        expect(objectPaths(path, "data").length).toBeGreaterThan(0);
        return path;
      };
      const bytesOf = (path: string) => objectPaths(path, "data").reduce((sum, pack) => sum + statSync(pack).size, 0);
      const path = await stopped("stopped");
      const stored = bytesOf(path);
      expect(objectPaths(path, "index")).toHaveLength(1);
      const rest = await copySnapshots(await own.open(), await own.open(path), options());
      expect(rest.copied).toHaveLength(1);
      expect(rest.bytes).toBeLessThan(bytesOf(own.repositoryPath) - 0.9 * stored);
      own.restic(["check", "--read-data"], path);
      // Without the lock nothing is said of packs: a prune may have taken them.
      const lost = await stopped("lock-lost", () => Promise.reject(new Error("lock lost")));
      expect(objectPaths(lost, "index")).toEqual([]);
    });

    it("stores again what a copy has lost, when it is told to look", async () => {
      const { path, source, replica } = await initReplica("with-losses");
      await copySnapshots(source, replica, options());
      const [largest] = objectPaths(path, "data").sort((a, b) => statSync(b).size - statSync(a).size);
      rmSync(largest!);
      fixture.restic(["rebuild-index"], path);
      expect(fixture.tryRestic(["check"], path).status).not.toBe(0);
      const skipped = await copySnapshots(source, await fixture.open(path), options());
      expect([skipped.skipped.length, skipped.bytes]).toEqual([3, 0]);
      const beforeCommit = () => Promise.reject(new Error("lock lost"));
      const unlocked = copySnapshots(source, await fixture.open(path), { ...options(), completeCopies: true, beforeCommit });
      await expect(unlocked).rejects.toThrow("lock lost");
      const done = await copySnapshots(source, await fixture.open(path), { ...options(), completeCopies: true });
      expect(done).toMatchObject({ copied: [], skipped: skipped.skipped, failed: [], bytesCompleted: done.bytes });
      expect(done.bytes).toBeGreaterThan(1_000_000);
      expect(snapshotIds(fixture, path)).toHaveLength(3);
      fixture.restic(["check", "--read-data"], path);
    });

    it("leaves out a snapshot whose source is damaged, says so and copies the others", async () => {
      const { path, replica } = await initReplica("from-damaged");
      const source = await fixture.open();
      const [first] = await source.listSnapshots();
      const broken = await source.saveSnapshot({ ...first!, time: "2026-11-09T03:00:00Z", tree: "0".repeat(64) });
      const result = await copySnapshots(source, replica, options());
      await source.store.delete(`snapshots/${broken.id}`);
      expect(result.copied).toHaveLength(3);
      expect(result.failed.map(({ from }) => from)).toEqual([broken.id]);
      expect(result.failed[0]!.error.code).toBe("repository-damaged");
      fixture.restic(["check"], path);
    });
  },
);

describe("copying side data", () => {
  const init = () => initRepository({ store: createMemoryStore() }, password, initOptions);

  it("copies each object once, however often it is called, and no checkpoints", async () => {
    const [source, replica] = await Promise.all([init(), init()]);
    for (let number = 0; number < 7; number++)
      await source.saveSide("run", { schema: "lifeboat.run/1", number } as { schema: string });
    await source.saveSide("evidence", { schema: "lifeboat.evidence/1" });
    await source.saveSide("checkpoint", { schema: "lifeboat.checkpoint/1" });
    expect(await copySideData(source, replica)).toEqual({ copied: 8, skipped: 0, damaged: [] });
    expect(await copySideData(source, replica)).toEqual({ copied: 0, skipped: 8, damaged: [] });
    await source.saveSide("run", { schema: "lifeboat.run/1", number: 7 } as { schema: string });
    expect(await copySideData(source, replica)).toEqual({ copied: 1, skipped: 8, damaged: [] });
    const numbers = await Promise.all((await replica.listSide("run")).map((id) => replica.loadSide("run", id)));
    expect(numbers.map((run) => (run as { number: number }).number).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await replica.listSide("checkpoint")).toEqual([]);
  });

  it("reads nothing again with remembered fingerprints", async () => {
    const [source, replica] = await Promise.all([init(), init()]);
    const fingerprints = new Map<string, string>();
    await source.saveSide("facts", { schema: "lifeboat.facts/1" });
    await copySideData(source, replica, ["facts"], { fingerprints });
    const watched = injectFaults(replica.store, []);
    const again = await copySideData(source, Object.assign(Object.create(replica), { store: watched }), ["facts"], {
      fingerprints,
    });
    expect(again).toEqual({ copied: 0, skipped: 1, damaged: [] });
    expect(watched.operations.filter((operation) => operation.startsWith("get"))).toEqual([]);
  });

  it("reports a damaged object and copies the rest", async () => {
    const [source, replica] = await Promise.all([init(), init()]);
    const good = await source.saveSide("run", { schema: "lifeboat.run/1" });
    await source.store.put(`lifeboat/v1/run/${"a".repeat(64)}`, await source.store.get(`lifeboat/v1/run/${good}`));
    expect(await copySideData(source, replica)).toEqual({ copied: 1, skipped: 0, damaged: [`run/${"a".repeat(64)}`] });
  });
});
