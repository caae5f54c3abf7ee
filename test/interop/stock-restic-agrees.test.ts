import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RestoreResult, StoreLocation } from "@lifeboat/engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { restoreHere } from "../fixtures/restore-here.ts";
import {
  createBucket,
  createTempFolder,
  findStockRestic,
  objectStoreEnvironment,
  type ResticVersion,
  type SshHost,
  type StockRestic,
  startObjectStore,
  startSshHost,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";

const versions: readonly ResticVersion[] = ["0.14", "0.18"];
const found = await Promise.all(versions.map(async (version) => ({ version, stock: await findStockRestic(version) })));

async function restoreSnapshotHere(location: StoreLocation, snapshotId: string, folder: string): Promise<RestoreResult> {
  const repository = await openTestRepository(location);
  try {
    const snapshot = (await repository.listSnapshots()).find(({ id }) => id.startsWith(snapshotId))!;
    return await restoreHere(repository, snapshot, folder);
  } finally {
    await repository.close();
  }
}

for (const { version, stock } of found) {
  describe.skipIf("missing" in stock)(
    `stock restic ${version}${"missing" in stock ? ` (not run: ${stock.missing})` : ""}`,
    () => {
      let ssh: SshHost;
      let temp: TempFolder;
      let tree: string;
      let location: StoreLocation;
      let restic: StockRestic;
      let snapshotId: string;
      let resticSnapshotId: string;

      beforeAll(async () => {
        temp = await createTempFolder("interop");
        ssh = await startSshHost();
        tree = join(temp.path, "tree");
        await mkdir(tree);
        // 0.14 stores link targets that are not UTF-8 in a form that it cannot restore.
        await buildNastyTree(tree, { nonUtf8LinkTargets: version !== "0.14", hardLinks: 10_000 });
        const store = await startObjectStore();
        const { accessKeyId, secretAccessKey, region, endpoint } = store;
        const url = `s3:${endpoint}/${await createBucket(store)}/prefix`;
        location = { url, region, credentials: { accessKeyId, secretAccessKey } };
        restic = await stockRestic(version, { repository: url, password: testPassword, env: objectStoreEnvironment(store) });
        const repository = await openTestRepository(location);
        const pulled = await pullTree(ssh, repository, tree);
        await repository.close();
        expect(pulled.problems).toEqual([]);
        snapshotId = pulled.snapshot.id;
      }, 240_000);

      afterAll(async () => {
        await ssh?.stop();
        await restic?.[Symbol.asyncDispose]();
        await temp?.remove();
      });

      it("finds nothing wrong in what was pulled over SSH to the S3 server", async () => {
        const { stdout } = await restic.run(["check", "--read-data"], { timeoutMs: 240_000 });
        expect(stdout).toContain("no errors were found");
      }, 240_000);

      it("restores it equal in bytes and metadata, by rsync's judgement", async () => {
        const target = join(temp.path, "by-restic");
        await restic.run(["restore", snapshotId, "--target", target], { timeoutMs: 240_000 });
        expect(await compareTrees(tree, join(target, tree))).toEqual([]);
      }, 240_000);

      it("adds no data blob and no tree but those above the source when it backs up the same frozen tree", async () => {
        const lines = await restic.runJson(["backup", "--force", "--host", "web1", tree], { timeoutMs: 240_000 });
        const summary = lines.find((line) => (line as { message_type?: string }).message_type === "summary") as {
          data_blobs: number;
          tree_blobs: number;
          snapshot_id: string;
        };
        resticSnapshotId = summary.snapshot_id;
        expect(summary.data_blobs).toBe(0);
        const above = tree.split("/").length - 1;
        expect(summary.tree_blobs).toBeLessThanOrEqual(above);
      }, 240_000);

      it.runIf(version === "0.18")(
        "accepts the trees for rewriting, which it does only when they are canonical (needs restic 0.18)",
        async () => {
          await restic.run(["rewrite", "--exclude", "no-such-name-anywhere", snapshotId], { timeoutMs: 240_000 });
          const [snapshots] = (await restic.runJson(["snapshots"])) as [{ id: string; original?: string; tree: string }[]];
          const before = snapshots.find(({ id }) => id === snapshotId);
          for (const after of snapshots.filter(({ original }) => original === snapshotId)) expect(after.tree).toBe(before?.tree);
          await restic.run(["rewrite", "--exclude", "names", snapshotId], { timeoutMs: 240_000 });
        },
        240_000,
      );

      it("is restored by Lifeboat equal in bytes and metadata, what Lifeboat wrote and what restic wrote", async () => {
        for (const [name, id] of Object.entries({ own: snapshotId, theirs: resticSnapshotId })) {
          const target = join(temp.path, name);
          expect((await restoreSnapshotHere(location, id, target)).problems).toEqual([]);
          expect(await compareTrees(tree, join(target, tree)), name).toEqual([]);
        }
      }, 240_000);
    },
  );
}
