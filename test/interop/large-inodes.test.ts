import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Repository } from "@lifeboat/engine";
import { byteString } from "@lifeboat/model";
import { expect, test } from "vitest";
import { compareByTools } from "../fixtures/compare-by-tools.ts";
import { mountLargeInodes } from "../fixtures/mount-large-inodes.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { restoreHere } from "../fixtures/restore-here.ts";
import { createTempFolder, findStockRestic, type ResticVersion, startSshHost, stockRestic } from "../services/index.ts";

/** What restic wrote, or would have written, of each entry: names and exact inodes. */
async function inodesOf(repository: Repository, tree: string, path: string): Promise<Record<string, string>> {
  let id = tree;
  for (const name of path.split("/").slice(1)) {
    id = (await repository.loadTree(id)).find((node) => node.name === byteString(name))!.subtree!;
  }
  return Object.fromEntries((await repository.loadTree(id)).map(({ name, inode }) => [name, inode]));
}

test("inodes above 2^53 are kept to the last digit, as restic keeps them, and tell files apart", async ({ skip }) => {
  await using temp = await createTempFolder("inodes");
  const tree = join(temp.path, "tree");
  await mkdir(tree);
  const url = join(temp.path, "repository");
  await using ssh = await startSshHost();
  const repository = await openTestRepository({ url });
  {
    const mounted = await mountLargeInodes(tree, 0);
    if (typeof mounted === "string") return skip(mounted);
    await using _ = mounted;
    const { snapshot, problems } = await pullTree(ssh, repository, tree);
    expect(problems).toEqual([]);
    expect(await inodesOf(repository, snapshot.tree, tree)).toEqual({
      a1: "9007199254740992",
      a2: "9007199254740992",
      b1: "9007199254740993",
      b2: "9007199254740993",
      inside: "1152921504606846983",
      largest: "18446744073709551615",
    });
    // Stock restic, which reads the same mount, makes the same bytes of it.
    for (const version of ["0.14", "0.18"] satisfies ResticVersion[]) {
      if ("missing" in (await findStockRestic(version))) continue;
      await using restic = await stockRestic(version, { repository: url, password: testPassword });
      const lines = await restic.runJson(["backup", "--force", tree]);
      const summary = lines.find((line) => (line as { message_type?: string }).message_type === "summary");
      expect(summary).toMatchObject({ data_blobs: 0 });
      expect((summary as { tree_blobs: number }).tree_blobs).toBeLessThanOrEqual(tree.split("/").length - 1);
    }
    const again = await pullTree(ssh, repository, tree, snapshot);
    expect([again.filesNew, again.filesUnmodified]).toEqual([0, 6]);

    const target = join(temp.path, "target");
    expect((await restoreHere(repository, snapshot, target)).problems).toEqual([]);
    expect(await compareByTools(tree, join(target, tree), ["names", "stat of files", "sha256sum"])).toEqual([]);
    const inode = async (name: string) => (await stat(join(target, tree, name), { bigint: true })).ino;
    expect(await inode("a1")).toBe(await inode("a2"));
    expect(await inode("b1")).toBe(await inode("b2"));
    expect(await inode("a1")).not.toBe(await inode("b1"));
  }
  const [parent] = await repository.listSnapshots();
  // 2^53 + 2 instead of 2^53 + 1: numbers that are far from each other, and close to nothing as doubles.
  const remounted = await mountLargeInodes(tree, 1);
  if (typeof remounted === "string") return skip(remounted);
  await using _ = remounted;
  const changed = await pullTree(ssh, repository, tree, parent);
  expect(changed.filesUnmodified).toBe(4);
  expect((await inodesOf(repository, changed.snapshot.tree, tree)).b1).toBe("9007199254740994");
  await repository.close();
}, 240_000);
