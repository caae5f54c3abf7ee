import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openObjectStore, openRepository, type RestoreResult, type StoreLocation } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changesOfTree, changeTree, prepareTree } from "../fixtures/change-tree.ts";
import { bytesOfFiles, compareByTools } from "../fixtures/compare-by-tools.ts";
import { judgeRestored } from "../fixtures/judge-restored.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { restoreHere } from "../fixtures/restore-here.ts";
import {
  createBucket,
  createTempFolder,
  findStockRestic,
  objectStoreEnvironment,
  type ResticVersion,
  runCommand,
  type SshHost,
  type StockRestic,
  startObjectStore,
  startSshHost,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";

const versions: readonly ResticVersion[] = ["0.14", "0.18"];
const found = await Promise.all(versions.map(async (version) => ({ version, stock: await findStockRestic(version) })));
const timeout = 240_000;

interface ResticSnapshot {
  readonly id: string;
  readonly original?: string;
  readonly tree: string;
  readonly tags?: readonly string[];
}

for (const { version, stock } of found) {
  const reason = "missing" in stock ? ` (not run: ${stock.missing})` : "";
  describe.skipIf("missing" in stock).each(["the S3 server", "a local folder"])(
    `stock restic ${version} and what was pulled over SSH to %s${reason}`,
    (place) => {
      let ssh: SshHost;
      let temp: TempFolder;
      let tree: string;
      let location: StoreLocation;
      let restic: StockRestic;
      let environment: Record<string, string> = {};
      /** The tree before and after `changeTree`; on the disk it stands as in the second. */
      let ids: readonly [string, string];
      let resticSnapshotId: string;

      beforeAll(async () => {
        temp = await createTempFolder("interop");
        ssh = await startSshHost();
        tree = join(temp.path, "tree");
        await mkdir(tree);
        // 0.14 stores link targets that are not UTF-8 in a form that it cannot restore.
        await buildNastyTree(tree, { nonUtf8LinkTargets: version !== "0.14", largeFiles: place === "the S3 server" });
        if (place === "the S3 server") {
          const store = await startObjectStore();
          const { accessKeyId, secretAccessKey, region, endpoint } = store;
          environment = objectStoreEnvironment(store);
          location = {
            url: `s3:${endpoint}/${await createBucket(store)}/prefix`,
            region,
            credentials: { accessKeyId, secretAccessKey },
          };
        } else location = { url: join(temp.path, "repository") };
        restic = await stockRestic(version, { repository: location.url, password: testPassword, env: environment });
        const repository = await openTestRepository(location);
        try {
          await prepareTree(tree);
          const before = await pullTree(ssh, repository, tree);
          expect(before.problems).toEqual([]);
          await changeTree(tree);
          const after = await pullTree(ssh, repository, tree, before.snapshot);
          expect(after.problems).toEqual([]);
          ids = [before.snapshot.id, after.snapshot.id];
        } finally {
          await repository.close();
        }
      }, timeout);

      afterAll(async () => {
        await ssh?.stop();
        await restic?.[Symbol.asyncDispose]();
        await temp?.remove();
      });

      async function restoreByLifeboat(id: string, folder: string, from = location): Promise<RestoreResult> {
        const repository = await openTestRepository(from);
        try {
          const snapshot = (await repository.listSnapshots()).find((some) => some.id.startsWith(id))!;
          return await restoreHere(repository, snapshot, folder);
        } finally {
          await repository.close();
        }
      }

      async function expectSound(by = restic): Promise<void> {
        const { stdout } = await by.run(["check", "--read-data"], { timeoutMs: timeout });
        expect(stdout).toContain("no errors were found");
      }

      async function listByRestic(by = restic): Promise<ResticSnapshot[]> {
        return (await by.runJson(["snapshots"]))[0] as ResticSnapshot[];
      }

      it("check --read-data finds nothing wrong", () => expectSound(), timeout);

      it(
        "restore gives back every byte and all metadata",
        async () => {
          const target = join(temp.path, "by-restic");
          await restic.run(["restore", ids[1], "--target", target], { timeoutMs: timeout });
          expect(await judgeRestored(tree, join(target, tree))).toEqual([]);
          await rm(target, { recursive: true });
        },
        timeout,
      );

      it(
        "backup --force of the same frozen tree adds no data blob, and no tree but those above the source",
        async () => {
          const lines = await restic.runJson(["backup", "--force", "--host", "web1", tree], { timeoutMs: timeout });
          const summary = lines.find((line) => (line as { message_type?: string }).message_type === "summary") as {
            data_blobs: number;
            tree_blobs: number;
            snapshot_id: string;
          };
          resticSnapshotId = summary.snapshot_id;
          expect(summary.data_blobs).toBe(0);
          expect(summary.tree_blobs).toBeLessThanOrEqual(tree.split("/").length - 1);
        },
        timeout,
      );

      it(
        "Lifeboat restores what it wrote itself and what restic wrote beside it, and leaves holes where holes were",
        async () => {
          const onTheDisk = await bytesOfFiles(tree, "on the disk");
          // Their trees are the same, so that once is enough.
          const written = { own: ids[1], ...(place === "a local folder" && { theirs: resticSnapshotId }) };
          for (const [name, id] of Object.entries(written)) {
            const target = join(temp.path, name);
            expect((await restoreByLifeboat(id, target)).problems).toEqual([]);
            expect(await judgeRestored(tree, join(target, tree)), name).toEqual([]);
            expect(await bytesOfFiles(join(target, tree), "on the disk"), name).toBeLessThanOrEqual(onTheDisk + 4 * 1024 * 1024);
            await rm(target, { recursive: true });
          }
        },
        timeout,
      );

      it(
        "diff lists exactly what has changed between two snapshots",
        async () => {
          const { stdout } = await restic.run(["diff", ids[0], ids[1]]);
          const lines = stdout.split("\n").filter((line) => line.includes(` ${tree}/`));
          expect(lines.map((line) => line.replace(tree, "")).sort()).toEqual(changesOfTree);
        },
        timeout,
      );

      it(
        "ls --json tells of each entry what stands on the disk",
        async () => {
          const lines = (await restic.runJson(["ls", ids[1], tree, "--recursive"])) as Record<string, unknown>[];
          const told = lines.filter(({ struct_type }) => struct_type === "node");
          const { stdout } = await runCommand("find", [tree, "-printf", "%p\\0%y %U %G %m %s %T+\\0"]);
          const records = stdout.split("\0");
          const onDisk = new Map<string, string>();
          for (let at = 0; at + 1 < records.length; at += 2) onDisk.set(records[at]!, records[at + 1]!);
          expect(told).toHaveLength((records.length - 1) / 2);
          for (const node of told) {
            const path = String(node.path);
            // JSON has no place for names that are not UTF-8.
            if (path.includes("\ufffd")) continue;
            expect(onDisk.get(path), path).toMatch(patternOfNode(node));
          }
        },
        timeout,
      );

      it(
        "find finds a name, and stats counts what du counts",
        async () => {
          const [hits] = (await restic.runJson(["find", "--snapshot", ids[1], "random-4096"])) as [
            { matches: { path: string }[] }[],
          ];
          expect(hits.flatMap(({ matches }) => matches.map(({ path }) => path))).toEqual([`${tree}/sizes/random-4096`]);
          const [stats] = (await restic.runJson(["stats", "--mode", "restore-size", ids[1]])) as [{ total_size: number }];
          expect(stats.total_size).toBe(await bytesOfFiles(tree, "apparent"));
        },
        timeout,
      );

      it(
        "dump gives a file's bytes, and a folder as a tar archive",
        async () => {
          for (const name of ["random-524289", "sparse", "text"]) {
            const { stdout } = await restic.run(["dump", ids[1], join(tree, "sizes", name)], { encoding: "latin1" });
            expect(Buffer.from(stdout, "latin1").equals(await readFile(join(tree, "sizes", name))), name).toBe(true);
          }
          // From S3 dump asks for one small file after the other: a smaller folder there.
          const folder = join(tree, place === "the S3 server" ? "links" : "names");
          const { stdout } = await restic.run(["dump", ids[1], folder], { encoding: "latin1" });
          const target = join(temp.path, "dumped");
          await mkdir(target);
          await runCommand("tar", ["-x", "-C", target], { input: Buffer.from(stdout, "latin1") });
          const inside = stdout.startsWith("tmp/") || stdout.startsWith("/tmp/") ? join(target, folder) : target;
          expect(await compareByTools(folder, inside, ["names", "sha256sum"])).toEqual([]);
          await rm(target, { recursive: true });
        },
        timeout,
      );

      it(
        "tag and key add work, and Lifeboat knows the tag and the new password",
        async () => {
          await restic.run(["tag", "--add", "by-restic", ids[0]]);
          const second = join(temp.path, "second");
          await writeFile(second, "another password\n");
          await restic.run(["key", "add", "--new-password-file", second]);
          const repository = await openRepository(
            { store: await openObjectStore(location, { clock: realClock() }) },
            "another password",
          );
          const tagged = (await repository.listSnapshots()).find(({ original }) => original === ids[0]);
          await repository.close();
          expect(tagged?.tags).toEqual(["asset=web1/tree", "by-restic"]);
          ids = [tagged!.id, ids[1]];
        },
        timeout,
      );

      it(
        "copy takes snapshots into a repository that restic made with the same chunker, and into one that Lifeboat made",
        async () => {
          const theirs = join(temp.path, "copy-theirs");
          const own = join(temp.path, "copy-own");
          const source = ["--from-repo", location.url, "--from-password-file", restic.passwordFile];
          await (await openTestRepository({ url: own })).close();
          for (const url of [theirs, own]) {
            await using to = await stockRestic(version, { repository: url, password: testPassword, env: environment });
            if (url === theirs) await to.run(["init", "--copy-chunker-params", ...source]);
            await to.run(["copy", ...source, ids[0], ids[1]], { timeoutMs: timeout });
            await expectSound(to);
            const trees = new Map((await listByRestic()).map(({ id, tree: root }) => [id, root]));
            const copies = await listByRestic(to);
            expect(new Set(copies.map(({ tree: root }) => root))).toEqual(new Set(ids.map((id) => trees.get(id))));
          }
        },
        timeout,
      );

      it.runIf(version === "0.18")(
        "rewrite --exclude accepts the trees, which it does only when they are canonical (needs restic 0.18)",
        async () => {
          await restic.run(["rewrite", "--exclude", "no-such-name-anywhere", ids[1]], { timeoutMs: timeout });
          const trees = (await listByRestic()).filter(({ id, original }) => id === ids[1] || original === ids[1]);
          expect(new Set(trees.map(({ tree: root }) => root)).size).toBe(1);
          await restic.run(["rewrite", "--exclude", join(tree, "names"), ids[1]], { timeoutMs: timeout });
          const rewritten = (await listByRestic()).find(
            ({ original, tree: root }) => original === ids[1] && root !== trees[0]!.tree,
          );
          const { stdout } = await restic.run(["diff", ids[1], rewritten!.id]);
          const lines = stdout.split("\n").filter((line) => line.includes(` ${tree}/`));
          expect(lines.length).toBeGreaterThan(1000);
          expect(lines.filter((line) => !line.startsWith(`-    ${tree}/names/`))).toEqual([]);
          await restic.run(["forget", rewritten!.id]);
        },
        timeout,
      );

      it(
        "forget and prune leave data in which nothing is wrong, and the snapshot that is kept restores",
        async () => {
          const [before] = (await restic.runJson(["stats", "--mode", "raw-data"])) as [{ total_size: number }];
          await restic.run(["forget", ids[0], "--prune", "--max-unused", "0"], { timeoutMs: timeout });
          const [after] = (await restic.runJson(["stats", "--mode", "raw-data"])) as [{ total_size: number }];
          expect(after.total_size).toBeLessThan(before.total_size - 2_000_000);
          await expectSound();
          const target = join(temp.path, "after-prune");
          expect((await restoreByLifeboat(ids[1], target)).problems).toEqual([]);
          expect(await judgeRestored(tree, join(target, tree))).toEqual([]);
        },
        timeout,
      );
    },
  );
}

/** What find says of a node of `ls --json`: type, owner, mode, size, time. */
function patternOfNode(node: Record<string, unknown>): RegExp {
  const letters: Readonly<Record<string, string>> = { file: "f", dir: "d", symlink: "l", dev: "b", chardev: "c", fifo: "p" };
  const goMode = Number(node.mode ?? 0);
  const special = [
    [2 ** 23, 0o4000],
    [2 ** 22, 0o2000],
    [2 ** 20, 0o1000],
  ].reduce((sum, [go, unix]) => sum + (Math.floor(goMode / go!) % 2) * unix!, 0);
  const mode = ((goMode & 0o777) + special).toString(8);
  const size = node.type === "file" ? String(node.size ?? 0) : "\\d+";
  const time = String(node.mtime).replace("Z", "").replace("T", "\\+").replace(".", "\\.");
  return new RegExp(`^${letters[String(node.type)]} ${node.uid} ${node.gid} ${mode} ${size} ${time}(\\.?0+)?$`);
}
