import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runLifeboat } from "../faults/run-lifeboat.ts";
import { changesOfTree, changeTree, prepareTree } from "../fixtures/change-tree.ts";
import { judgeRestored } from "../fixtures/judge-restored.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  createBucket,
  createTempFolder,
  findStockRestic,
  objectStoreEnvironment,
  type ResticVersion,
  type StockRestic,
  startObjectStore,
  startSshHost,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";

/** One in a folder, one on S3. rustic is neither in Debian nor in npm, so that no repository of its own making is here. */
const places: readonly { readonly version: ResticVersion; readonly place: "a local folder" | "the S3 server" }[] = [
  { version: "0.14", place: "a local folder" },
  { version: "0.18", place: "the S3 server" },
];
const found = await Promise.all(places.map(async (row) => ({ ...row, stock: await findStockRestic(row.version) })));
const compressions = ["off", "max", "auto"] as const;
const timeout = 240_000;

for (const { version, place, stock } of found) {
  const reason = "missing" in stock ? ` (not run: ${stock.missing})` : "";
  describe.skipIf("missing" in stock)(
    `a repository that stock restic ${version} wrote to ${place} (needs that restic)${reason}`,
    () => {
      let temp: TempFolder;
      let tree: string;
      let restic: StockRestic;
      let environment: Record<string, string> = {};
      let url: string;
      /** One for each way of compression; from the second to the third the tree was changed by `changeTree`. */
      let ids: string[] = [];

      beforeAll(async () => {
        temp = await createTempFolder("adopted");
        tree = join(temp.path, "tree");
        await mkdir(tree);
        url = join(temp.path, "repository");
        if (place === "the S3 server") {
          const store = await startObjectStore();
          environment = objectStoreEnvironment(store);
          url = `s3:${store.endpoint}/${await createBucket(store)}/prefix`;
        }
        restic = await stockRestic(version, { repository: url, password: testPassword, env: environment });
        await restic.run(["init"]);
        // 0.14 stores link targets that are not UTF-8 in a form that nobody can restore.
        await buildNastyTree(tree, { nonUtf8LinkTargets: version !== "0.14", largeFiles: false });
        await prepareTree(tree);
        const random = createSeededRandom(9);
        for (const compression of compressions) {
          if (compression === "auto") await changeTree(tree);
          else await mkdir(join(tree, compression));
          const folder = join(tree, compression === "auto" ? "changing" : compression);
          if (compression !== "auto") {
            await writeFile(join(folder, "text"), `stored with compression ${compression}\n`.repeat(60_000));
            await writeFile(join(folder, "bytes"), random.bytes(1_500_000));
          }
          const lines = await restic.runJson(["backup", "--compression", compression, "--host", "web1", tree], {
            timeoutMs: timeout,
          });
          ids.push(lines.map((line) => (line as { snapshot_id?: string }).snapshot_id).find((id) => id !== undefined)!);
        }
        const [snapshots] = (await restic.runJson(["snapshots"])) as [{ id: string }[]];
        ids = ids.map((short) => snapshots.find(({ id }) => id.startsWith(short))!.id);
      }, timeout);

      afterAll(async () => {
        await restic?.[Symbol.asyncDispose]();
        await temp?.remove();
      });

      const hands = (repository = url) => ["--repo", repository, "--password-file", restic.passwordFile];

      /** With bare hands, in a process of its own; anything but success is an error with all that was said. */
      async function lifeboat(...args: string[]): Promise<string> {
        const { exitCode, stdout, stderr } = await runLifeboat(temp.path, args, environment);
        expect(exitCode, `${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
        return stdout;
      }

      const linesOf = (json: string) =>
        json
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as Record<string, unknown>);

      async function expectSound(by = restic): Promise<void> {
        expect((await by.run(["check", "--read-data"], { timeoutMs: timeout })).stdout).toContain("no errors were found");
      }

      async function expectRestored(id: string, repository = url): Promise<void> {
        const target = join(temp.path, "restored");
        await lifeboat("restore", id, "--to", target, "--read-back", ...hands(repository));
        expect(await judgeRestored(tree, join(target, tree))).toEqual([]);
        await rm(target, { recursive: true });
      }

      it(
        "is listed as restic lists it, and every byte of it is found sound",
        async () => {
          const listed = JSON.parse(await lifeboat("snapshots", "--json", ...hands())) as Record<string, unknown>[];
          const [theirs] = (await restic.runJson(["snapshots"])) as [Record<string, unknown>[]];
          const fields = (all: Record<string, unknown>[]) =>
            all.map(({ id, time, tree: root, paths, hostname }) => ({ id, time, tree: root, paths, hostname }));
          expect(fields(listed)).toEqual(fields(theirs));
          await lifeboat("repo", "check", "--read-data", ...hands());
        },
        timeout,
      );

      it("restores with every byte and all metadata, however it was compressed", () => expectRestored(ids[2]!), timeout);

      it(
        "is compared as restic compares it",
        async () => {
          const changes = linesOf(await lifeboat("diff", ids[1]!, ids[2]!, "--json", ...hands())).flatMap(({ path, modifier }) =>
            typeof path === "string" && modifier !== "U" ? [`${modifier}    ${path.replace(tree, "")}`] : [],
          );
          expect(changes.map((line) => line.replace(/\/$/, "")).sort()).toEqual(
            changesOfTree.map((line) => line.replace(/\/$/, "")).sort(),
          );
        },
        timeout,
      );

      it(
        "is the parent of a pull over SSH, which then reads nothing again",
        async () => {
          await using ssh = await startSshHost();
          const repository = await openTestRepository({
            url,
            ...(place === "the S3 server" && {
              credentials: { accessKeyId: environment.AWS_ACCESS_KEY_ID!, secretAccessKey: environment.AWS_SECRET_ACCESS_KEY! },
            }),
          });
          try {
            const parent = (await repository.listSnapshots()).find(({ id }) => id === ids[2]);
            const pulled = await pullTree(ssh, repository, tree, parent);
            expect(pulled.problems).toEqual([]);
            expect([pulled.filesNew, pulled.filesUnmodified > 500]).toEqual([0, true]);
            await restic.run(["forget", pulled.snapshot.id]);
          } finally {
            await repository.close();
          }
        },
        timeout,
      );

      it(
        "is copied into one that cuts files alike, where restic finds the same trees",
        async () => {
          const copy = join(temp.path, "copy");
          const from = ["--from-repo", url, "--from-password-file", restic.passwordFile];
          await lifeboat("repo", "init", "--copy-chunker-params", ...from, ...hands(copy));
          await lifeboat("copy", "--to-repo", copy, "--to-password-file", restic.passwordFile, ...hands());
          await using theirs = await stockRestic(version, { repository: copy, password: testPassword });
          await expectSound(theirs);
          const trees = async (by: StockRestic) =>
            ((await by.runJson(["snapshots"])) as [{ tree: string }[]])[0].map(({ tree: root }) => root);
          expect(await trees(theirs)).toEqual(await trees(restic));
        },
        timeout,
      );

      it(
        "loses what rewrite erases from it, and nothing else",
        async () => {
          await lifeboat("rewrite", ids[1]!, "--exclude", join(tree, "names"), "--yes", ...hands());
          const [snapshots] = (await restic.runJson(["snapshots"])) as [{ id: string; original?: string }[]];
          const rewritten = snapshots.find(({ original }) => original === ids[1]);
          const { stdout } = await restic.run(["diff", rewritten!.id, ids[2]!]);
          const lines = stdout.split("\n").filter((line) => line.includes(` ${tree}/`));
          expect(lines.filter((line) => line.startsWith(`+    ${tree}/names/`)).length).toBeGreaterThan(1000);
          const others = lines.filter((line) => !line.includes(`${tree}/names/`)).map((line) => line.replace(tree, ""));
          expect(others.sort()).toEqual(changesOfTree);
        },
        timeout,
      );

      it(
        "is forgotten and pruned down to one snapshot, which restores",
        async () => {
          const [before] = (await restic.runJson(["stats", "--mode", "raw-data"])) as [{ total_size: number }];
          await lifeboat("snapshots", "forget", "--keep-last", "1", "--yes", ...hands());
          await lifeboat("repo", "prune", "--max-unused", "0%", "--yes", ...hands());
          const [left] = (await restic.runJson(["snapshots"])) as [{ id: string }[]];
          expect(left.map(({ id }) => id)).toEqual([ids[2]]);
          const [after] = (await restic.runJson(["stats", "--mode", "raw-data"])) as [{ total_size: number }];
          expect(after.total_size).toBeLessThan(before.total_size - 4_000_000);
          await expectSound();
          await expectRestored(ids[2]!);
        },
        timeout,
      );
    },
  );
}
