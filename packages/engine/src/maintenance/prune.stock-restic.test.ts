import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { injectFaults, type ObjectStore } from "../backend/index.ts";
import { checkRepository } from "./check-repository.ts";
import { executePrune } from "./execute-prune.ts";
import { forgetSnapshots } from "./forget-snapshots.ts";
import { planPrune } from "./plan-prune.ts";
import { describePrunePlan } from "./prune-plan.ts";
import { backUpRounds, createStockFixture, fixtureClock, hasRestic, objectPaths, snapshotIds } from "./stock-restic-fixture.ts";

const options = () => ({ signal: new AbortController().signal, clock: fixtureClock, beforeRemove: async () => {} });
const sizeOf = (path: string) => objectPaths(path, "data").reduce((sum, file) => sum + readFileSync(file).length, 0);

describe.skipIf(!hasRestic)("pruning a repository that stock restic wrote (needs restic)", { timeout: 300_000 }, () => {
  let fixture: ReturnType<typeof createStockFixture>;
  let ids: string[] = [];
  beforeAll(async () => {
    fixture = createStockFixture();
    ids = await backUpRounds(fixture, 4, 3_000_000);
  });
  afterAll(() => fixture.remove());
  const copyRepository = () => fixture.copyRepository();
  const forgetOldest = async (path: string) =>
    forgetSnapshots(await fixture.open(path), { keep: ids.slice(2), remove: ids.slice(0, 2) });

  it("frees what only forgotten snapshots needed; the others restore, and stock restic finds no fault", async () => {
    const path = copyRepository();
    const repository = await fixture.open(path);
    await repository.saveSide("run", { schema: "lifeboat.run/1" });
    writeFileSync(join(path, "data", "ab", "ab".repeat(32)), "left by a kill");
    expect(await forgetOldest(path)).toEqual(ids.slice(0, 2));
    expect(snapshotIds(fixture, path)).toEqual(ids.slice(2));
    const before = sizeOf(path);
    const plan = await planPrune(await fixture.open(path), { ...options(), maxUnusedRatio: 0 });
    const text = describePrunePlan(plan).join("\n");
    expect(text).toMatch(/^2 snapshots need \d+ blobs/);
    expect(text).toMatch(/delete 1 packs that no index names, 14 B/);
    const result = await executePrune(repository, plan, options());
    expect(result.leftPacks).toBe(0);
    expect(plan.freedBytes).toBeGreaterThan(3_000_000);
    // Sealed anew, what was moved may differ by a few bytes.
    expect(Math.abs(before - sizeOf(path) - plan.freedBytes)).toBeLessThan(50_000);
    fixture.restic(["check", "--read-data"], path);
    for (const id of ids.slice(2)) expect(fixture.restic(["ls", "--long", id], path)).toBe(fixture.restic(["ls", "--long", id]));
    const target = join(fixture.folder, "restored");
    fixture.restic(["restore", ids[3]!, "--target", target], path);
    execFileSync("diff", ["-r", fixture.sourcePath, join(target, fixture.sourcePath)]);
    expect(await (await fixture.open(path)).listSide("run")).toHaveLength(1);
    expect(existsSync(join(path, "data", "ab", "ab".repeat(32)))).toBe(false);

    const again = await planPrune(await fixture.open(path), { ...options(), maxUnusedRatio: 0 });
    expect(again).toMatchObject({ remove: [], repack: [], unindexed: [], missing: [], unusedBytes: 0, rewrittenIndexFiles: 0 });
    // restic's own prune sees nothing to do either.
    expect(fixture.restic(["prune", "--max-unused", "0", "--dry-run"], path)).toMatch(/total prune:\s+0 blobs/);
  });

  it("does nothing with a plan that was used, is a preview, or is older than the last change", async () => {
    const path = copyRepository();
    const preview = await planPrune(await fixture.open(path), { ...options(), without: new Set(ids.slice(0, 3)) });
    expect(preview.freedBytes).toBeGreaterThan(1_000_000);
    await expect(executePrune(await fixture.open(path), preview, options())).rejects.toThrow("is a preview");
    await forgetOldest(path);
    const outdated = await planPrune(await fixture.open(path), options());
    const repository = await fixture.open(path);
    const [kept] = await repository.listSnapshots();
    await repository.saveSnapshot({ ...kept!, time: "2026-11-20T00:00:00Z" });
    await expect(executePrune(await fixture.open(path), outdated, options())).rejects.toThrow("has changed since");
    const plan = await planPrune(await fixture.open(path), options());
    await executePrune(await fixture.open(path), plan, options());
    await expect(executePrune(await fixture.open(path), plan, options())).rejects.toThrow("was used already");
    fixture.restic(["check"], path);
  });

  it("removes nothing when anything that a snapshot needs is missing or damaged", async () => {
    const damages: [string, (path: string) => void][] = [
      ["a missing pack", (path) => rmSync(objectPaths(path, "data")[0]!)],
      ["a missing index", (path) => rmSync(objectPaths(path, "index")[0]!)],
      [
        "a damaged snapshot",
        (path) => {
          const file = join(path, "snapshots", ids[3]!);
          const bytes = readFileSync(file);
          bytes[50]! ^= 1;
          rmSync(file);
          writeFileSync(file, bytes);
        },
      ],
    ];
    for (const [name, damage] of damages) {
      const path = copyRepository();
      damage(path);
      const before = objectPaths(path, "data");
      await expect(planPrune(await fixture.open(path), options()), name).rejects.toMatchObject({ code: "repository-damaged" });
      expect(objectPaths(path, "data")).toEqual(before);
      rmSync(path, { recursive: true });
    }
  });

  it("leaves a sound repository when it is cut at any change, and the next prune ends the work", async () => {
    const counted = copyRepository();
    await forgetOldest(counted);
    const counter = { operations: [] as readonly string[] };
    const prune = async (path: string, wrap?: (store: ObjectStore) => ObjectStore) => {
      const repository = await fixture.open(path, wrap);
      return executePrune(repository, await planPrune(repository, { ...options(), maxUnusedRatio: 0 }), options());
    };
    await prune(counted, (store) => {
      const counting = injectFaults(store, []);
      counter.operations = counting.operations;
      return counting;
    });
    const changes = counter.operations.flatMap((operation, at) => (/^(put|delete)/.test(operation) ? [at + 1] : []));
    expect(changes.length).toBeGreaterThan(6);
    const phases = new Set(changes.map((at) => counter.operations[at - 1]!.replace(/\/.*/, "")));
    expect(phases).toEqual(new Set(["put data", "put index", "delete index", "delete data"]));
    for (const at of changes) {
      const path = copyRepository();
      await forgetOldest(path);
      // From then on nothing reaches the store, as after a kill. A pack that cannot be deleted is no failure.
      const cut = (store: ObjectStore) =>
        injectFaults(store, [{ name: "killed", operation: "any", at, times: 1_000_000, effect: { kind: "fail" } }]);
      const result = await prune(path, cut).catch((error: Error) => error);
      if (result instanceof Error) expect(result.message).toMatch(/injected/);
      else expect(result.leftPacks).toBeGreaterThan(0);
      const stock = fixture.tryRestic(["check", "--no-lock"], path);
      expect(stock.status, `cut at ${counter.operations[at - 1]}: ${stock.stdout}${stock.stderr}`).toBe(0);
      await prune(path);
      const report = await checkRepository(await fixture.open(path), { ...options(), readData: at === changes.at(-1) });
      expect(report).toMatchObject({ errors: [], hints: [], unindexedPacks: 0 });
      rmSync(path, { recursive: true });
    }
  });
});
