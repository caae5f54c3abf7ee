import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FileEntry, FileSource, ReadEvent } from "@lifeboat/model";
import { expect, test } from "vitest";
import { openTestRepository, pullTree } from "../fixtures/pull-tree.ts";
import { restoreHere } from "../fixtures/restore-here.ts";
import { createTempFolder, runCommand, startSshHost } from "../services/index.ts";

test("a folder whose attributes could not be read once is asked for them by the next run", async () => {
  await using temp = await createTempFolder("attributes");
  await using ssh = await startSshHost();
  const tree = join(temp.path, "tree");
  await mkdir(join(tree, "folder"), { recursive: true });
  await writeFile(join(tree, "folder/file"), "content");
  await runCommand("setfattr", ["-n", "user.precious", "-v", "value", join(tree, "folder")]);
  const repository = await openTestRepository({ url: join(temp.path, "repository") });
  let fired = 0;
  // As tar answers when the disk below it has a bad moment.
  const withBadMoment = (source: FileSource): FileSource => ({
    ...source,
    async *read(entries: readonly FileEntry[], options): AsyncGenerator<readonly ReadEvent[]> {
      const at = entries.findIndex(({ path }) => path.endsWith("/folder"));
      for await (const events of source.read(entries, options)) {
        yield events.flatMap((event): ReadEvent[] => {
          if (event.kind === "doubt" || event.index !== at) return [event];
          if (event.kind !== "verdict") return [];
          fired++;
          return [{ kind: "verdict", index: at, verdict: "unreadable", detail: "Cannot stat: Input/output error" }];
        });
      }
    },
  });
  const first = await pullTree(ssh, repository, tree, undefined, { wrap: withBadMoment });
  expect(fired).toBe(1);
  expect(first.problems).toMatchObject([{ path: `${tree}/folder`, kind: "unreadable" }]);
  const second = await pullTree(ssh, repository, tree, first.snapshot);
  expect([second.problems, second.filesNew, second.filesUnmodified]).toEqual([[], 0, 1]);
  const target = join(temp.path, "target");
  await restoreHere(repository, second.snapshot, target);
  const { stdout } = await runCommand("getfattr", ["-n", "user.precious", "--only-values", join(target, tree, "folder")]);
  expect(stdout).toBe("value");
  await repository.close();
});
