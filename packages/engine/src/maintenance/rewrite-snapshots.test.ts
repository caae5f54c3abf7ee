import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ByteString } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findStockRestic } from "../../../../test/services/index.ts";
import { injectFaults, type ObjectStore } from "../backend/index.ts";
import { encodeTree } from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { executePrune } from "./execute-prune.ts";
import { planPrune } from "./plan-prune.ts";
import { executeRewrite, planRewrite } from "./rewrite-snapshots.ts";
import { backUpRounds, createStockFixture, fixtureClock, hasRestic, password, snapshotIds } from "./stock-restic-fixture.ts";

const later = await findStockRestic("0.18");
const options = () => ({ signal: new AbortController().signal, clock: fixtureClock });

describe.skipIf(!hasRestic)("erasing paths from snapshots that stock restic wrote (needs restic)", { timeout: 300_000 }, () => {
  let fixture: ReturnType<typeof createStockFixture>;
  let ids: string[] = [];
  beforeAll(async () => {
    fixture = createStockFixture();
    ids = await backUpRounds(fixture, 3, 2_000_000);
  });
  afterAll(() => fixture.remove());
  const copyRepository = () => fixture.copyRepository();
  /** Of rounds 2 and 3. */
  const isExcluded = (path: string) => path.endsWith("/round-2") || path.endsWith("/large-2.bin");
  const rewrite = async (repository: Repository) => {
    const all = await repository.listSnapshots();
    const plan = await planRewrite(repository, { ...options(), snapshots: all, isExcluded });
    return {
      plan,
      replaced: await executeRewrite(repository, plan, { ...options(), isExcluded, all, beforeReplace: async () => {} }),
    };
  };
  const list = (path: string, id: string) =>
    fixture
      .restic(["ls", id], path)
      .split("\n")
      .filter((line) => line.startsWith("/"));

  it("leaves all else as it was; stock restic finds no fault and no path; prune removes the data", async () => {
    const path = copyRepository();
    const { plan, replaced } = await rewrite(await fixture.open(path));
    expect(plan.changes.map(({ snapshot }) => snapshot.id).sort()).toEqual(ids.slice(1).sort());
    expect(plan.unchanged).toBe(1);
    expect(plan.paths.map((name) => name.slice(fixture.sourcePath.length)).sort()).toEqual(["/large-2.bin", "/uploads/round-2"]);
    expect(plan.changes[0]!.removed).toMatchObject({ files: 41, folders: 3 });
    expect(plan.changes[0]!.removed.bytes).toBeGreaterThan(2_000_000);
    fixture.restic(["check", "--read-data"], path);
    const now = snapshotIds(fixture, path);
    expect(now[0]).toBe(ids[0]);
    expect(now).toHaveLength(3);
    for (const { from, to } of replaced) {
      expect(to.original).toBe(from);
      expect(list(path, to.id)).toEqual(list(fixture.repositoryPath, from).filter((line) => !/round-2|large-2/.test(line)));
    }
    const again = await rewrite(await fixture.open(path));
    expect(again).toMatchObject({ plan: { changes: [], unchanged: 3 }, replaced: [] });

    const repository = await fixture.open(path);
    const freed = await planPrune(repository, { ...options(), maxUnusedRatio: 0 });
    expect(freed.freedBytes).toBeGreaterThan(2_000_000);
    await executePrune(repository, freed, { ...options(), beforeRemove: async () => {} });
    fixture.restic(["check", "--read-data"], path);
    const target = join(fixture.folder, "restored");
    fixture.restic(["restore", replaced[0]!.to.id, "--target", target], path);
    const differences = ["-r", "--exclude=round-2", "--exclude=large-2.bin"];
    execFileSync("diff", [...differences, fixture.sourcePath, join(target, fixture.sourcePath)]);
  });

  it.skipIf("missing" in later)("gives the trees that stock restic's rewrite gives (needs restic 0.18)", async () => {
    const path = copyRepository();
    const stock = copyRepository();
    await rewrite(await fixture.open(path));
    const excludes = ["--exclude", "round-2", "--exclude", "large-2.bin"];
    const env = { PATH: "/usr/bin:/bin", HOME: fixture.folder, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: stock };
    execFileSync((later as { path: string }).path, ["--no-cache", "rewrite", "--forget", ...excludes], { env });
    const trees = async (at: string) => (await (await fixture.open(at)).listSnapshots()).map(({ time, tree }) => [time, tree]);
    expect(await trees(path)).toEqual(await trees(stock));
  });

  it("killed before any write, every snapshot is there in its old or its new form, and the next call ends the work", async () => {
    let kills = 0;
    for (let at = 1; ; at++) {
      const path = copyRepository();
      const dead = new Error("killed");
      const wrap = (store: ObjectStore) => {
        let writes = 0;
        const die = () => {
          if (++writes >= at) throw dead;
        };
        const effect = { kind: "call", call: die } as const;
        return injectFaults(store, [
          { name: "put", operation: "put", at: 1, times: 1000, effect },
          { name: "delete", operation: "delete", at: 1, times: 1000, effect },
        ]);
      };
      const end = await rewrite(await fixture.open(path, wrap)).catch((error: unknown) => error);
      if (!(end instanceof Error)) break;
      kills++;
      expect(end.message).toContain("killed");
      fixture.restic(["check", "--no-lock"], path);
      const left = await (await fixture.open(path)).listSnapshots();
      for (const id of ids) expect(left.some((snapshot) => snapshot.id === id || snapshot.original === id)).toBe(true);
      await rewrite(await fixture.open(path));
      const after = await (await fixture.open(path)).listSnapshots();
      expect(after.map((snapshot) => snapshot.original ?? snapshot.id)).toEqual(ids);
      fixture.restic(["check", "--no-lock"], path);
      rmSync(path, { recursive: true });
    }
    // A pack, an index, and a put and a delete for each of two snapshots.
    expect(kills).toBe(6);
  });

  it("refuses a folder with fields that would be lost, and changes nothing", async () => {
    const path = copyRepository();
    const repository = await fixture.open(path);
    await repository.loadIndex();
    const [first] = await repository.listSnapshots();
    const nodes = await repository.loadTree(first!.tree);
    const bytes = Buffer.from(encodeTree(nodes).toString("utf8").replace('{"name":', '{"generic_attributes":{},"name":'));
    const writer = new BlobWriter(repository);
    const tree = writer.saveTree(bytes);
    await writer.finish();
    await writer.close();
    const { id: _, ...fields } = first!;
    await repository.saveSnapshot({ ...fields, tree });
    const before = snapshotIds(fixture, path).sort();
    const snapshots = await repository.listSnapshots();
    const all = (name: ByteString) => name.split("/").length === 2;
    await expect(planRewrite(repository, { ...options(), snapshots, isExcluded: all })).rejects.toMatchObject({
      code: "repository-unsupported",
    });
    expect(snapshotIds(fixture, path).sort()).toEqual(before);
  });
});
