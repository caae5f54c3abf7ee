import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compareByTools } from "../fixtures/compare-by-tools.ts";
import { openTestRepository, pullTree } from "../fixtures/pull-tree.ts";
import { restoreHere } from "../fixtures/restore-here.ts";
import { createTempFolder, runCommand, startSshHost } from "../services/index.ts";

/** Folders of 255 bytes each in one another, a file in each: made step by step, for no call takes the path as a whole. */
const build = `import os, sys
os.chdir(sys.argv[1])
for depth in range(int(sys.argv[2])):
    with open(f"file-{depth}", "w") as file: file.write(f"at {depth}\\n")
    name = f"{depth}-".ljust(255, "x")
    os.mkdir(name)
    os.chdir(name)
`;

test("what lies deeper than any path name reaches is named and left out; what can be reached is whole", async () => {
  await using temp = await createTempFolder("deep");
  const tree = join(temp.path, "tree");
  await mkdir(tree);
  await runCommand("python3", ["-c", build, tree, "600"]);
  try {
    // 600 levels: the last path has 150 KB, more than a command takes, and a listing of them all would have 45 MB.
    await using ssh = await startSshHost();
    const repository = await openTestRepository({ url: join(temp.path, "repository") });
    const { snapshot, problems, bytesReceived, filesNew } = await pullTree(ssh, repository, tree);
    const depth = Math.floor((4095 - tree.length) / 256);
    expect(filesNew).toBeGreaterThanOrEqual(depth);
    expect(problems.map(({ kind }) => kind)).toContain("unlisted");
    for (const { path, detail } of problems) {
      expect(path.length).toBeGreaterThan(4095);
      expect(path.length).toBeLessThan(4095 + 257);
      expect(detail).toMatch(/^File name too long: its path has \d{4} bytes, 4095 can be read/);
    }
    expect(bytesReceived).toBeLessThan(1_000_000);

    const again = await pullTree(ssh, repository, tree, snapshot);
    expect([again.problems.length, again.filesNew, again.filesUnmodified]).toEqual([problems.length, 0, filesNew]);
    // The target lies deeper than the source: what no longer fits there is named, all else comes back.
    const target = join(temp.path, "t");
    const restored = await restoreHere(repository, snapshot, target);
    for (const { path } of restored.problems) expect(`${target}/${path}`.length).toBeGreaterThan(4095);
    for (const folder of [tree, join(target, tree)]) await cutBelow(folder, depth - 2);
    expect(await compareByTools(tree, join(target, tree), ["names", "sha256sum"])).toEqual([]);
    await repository.close();
  } finally {
    await runCommand("rm", ["-rf", tree]);
  }
}, 240_000);

/** Removes what lies so deep, so that tools that take whole paths can judge the rest. */
async function cutBelow(folder: string, depth: number): Promise<void> {
  await runCommand("find", [folder, "-mindepth", String(depth), "-maxdepth", String(depth), "-exec", "rm", "-rf", "{}", "+"]);
}
