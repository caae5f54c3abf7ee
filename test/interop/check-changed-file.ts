import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { createRandomBytes } from "../fixtures/random-bytes.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import { createTempFolder, findStockRestic, runCommand, startSshHost, stockRestic } from "../services/index.ts";

const mebibyte = 1024 ** 2;
const pageBytes = 4096;

/**
 * A file of this size on a host with a real sshd: one page of a hundred is changed, then it grows. What comes over SSH is a small part
 * of it, and stock restic finds the file, its attributes, and each of its own cuts.
 */
export async function checkChangedFile(mebibytes: number): Promise<void> {
  const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
  const random = createSeededRandom(seed);
  const randomBytes = createRandomBytes(seed);
  await using temp = await createTempFolder("changed");
  await using ssh = await startSshHost();
  const size = mebibytes * mebibyte;
  const tree = join(temp.path, "tree");
  const path = join(tree, "large");
  const url = join(temp.path, "repo");
  await mkdir(tree);
  await writeFile(path, "");
  for (let left = mebibytes; left > 0; left -= 16)
    await writeFile(path, randomBytes(Math.min(left, 16) * mebibyte), { flag: "a" });
  await runCommand("setfattr", ["-n", "user.state", "-v", "first", path]);
  const repository = await openTestRepository({ url });
  const log: string[] = [`seed ${seed} (LIFEBOAT_TEST_SEED); a file of ${mebibytes} MiB`];
  const pull = async (what: string, parent?: Awaited<ReturnType<typeof pullTree>>) => {
    const started = performance.now();
    const pulled = await pullTree(ssh, repository, tree, parent?.snapshot, { rangesFromBytes: 16 * mebibyte });
    expect(pulled.problems).toEqual([]);
    const { bytesReceived, bytesUnmoved } = pulled;
    const part = ((bytesReceived / size) * 100).toFixed(2);
    log.push(
      `${what}: ${bytesReceived} bytes came (${part} %), ${bytesUnmoved} not moved, ${Math.round(performance.now() - started)} ms`,
    );
    return pulled;
  };
  const first = await pull("whole");

  {
    await using file = await open(path, "r+");
    const pages = size / pageBytes;
    for (let left = Math.ceil(pages / 100); left > 0; left--)
      await file.write(randomBytes(pageBytes), 0, pageBytes, random.below(pages) * pageBytes);
  }
  await runCommand("setfattr", ["-n", "user.state", "-v", "second", path]);
  const second = await pull("one page of a hundred changed", first);
  const appended = mebibyte + 12_345;
  await writeFile(path, randomBytes(appended), { flag: "a" });
  const third = await pull(`${appended} bytes appended`, second);
  console.log(log.join("\n"));
  expect(second.bytesReceived, `seed ${seed}`).toBeLessThanOrEqual(size / 20);
  expect(third.bytesReceived, `seed ${seed}`).toBeLessThan(appended + size / 1000 + 64 * 1024);

  const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
  await using restic = await stockRestic(version, { repository: url, password: testPassword });
  const wait = { timeoutMs: 3_600_000 };
  expect((await restic.run(["check", "--read-data"], wait)).stdout).toContain("no errors were found");
  const target = join(temp.path, "restored");
  await restic.run(["restore", third.snapshot.id, "--target", target], wait);
  expect(await compareTrees(tree, join(target, tree)), `seed ${seed}`).toEqual([]);
  const lines = await restic.runJson(["backup", "--force", tree], wait);
  const summary = lines.find((line) => (line as { message_type?: string }).message_type === "summary");
  expect(summary, `seed ${seed}`).toMatchObject({ data_blobs: 0 });
  await repository.close();
}
