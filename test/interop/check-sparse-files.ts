import { mkdir, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { restoreSnapshot } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { byteString } from "@lifeboat/model";
import { createRestoreTarget } from "@lifeboat/remote";
import { expect } from "vitest";
import { connectTestHost, openTestRepository, pullTree } from "../fixtures/pull-tree.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import { createTempFolder, runCommand, startSshHost } from "../services/index.ts";

const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;

interface DataRun {
  readonly offset: number;
  readonly bytes: number;
}

/** Where a file has data and not a hole, as the kernel says (SEEK_DATA, SEEK_HOLE), asked by Python. */
async function listDataRuns(path: string): Promise<DataRun[]> {
  const script = `import os,sys,json
f=os.open(sys.argv[1],os.O_RDONLY); end=os.fstat(f).st_size; at=0; runs=[]
while at<end:
  try: data=os.lseek(f,at,os.SEEK_DATA)
  except OSError: break
  at=os.lseek(f,data,os.SEEK_HOLE); runs.append({"offset":data,"bytes":at-data})
print(json.dumps(runs))`;
  const { stdout } = await runCommand("python3", ["-c", script, path]);
  return JSON.parse(stdout) as DataRun[];
}

async function writeSparse(path: string, size: number, runs: readonly DataRun[]): Promise<void> {
  const random = createSeededRandom(size % 1000);
  await using file = await open(path, "w");
  for (const { offset, bytes } of runs) await file.write(random.bytes(bytes), 0, bytes, offset);
  await file.truncate(size);
}

/**
 * Sparse files of this size go over SSH into a repository and come back over SSH: same size and bytes, data only where there was data and in
 * the rest of the half MiB (at most two) that the chunker cuts around it.
 */
export async function checkSparseFiles(sizeGibibytes: number, names?: readonly string[]): Promise<void> {
  await using temp = await createTempFolder("sparse");
  await using ssh = await startSshHost();
  const size = sizeGibibytes * gibibyte;
  const tree = join(temp.path, "tree");
  await mkdir(tree);
  const middle = Math.floor(size / 2) + 12_345;
  const all: Record<string, readonly DataRun[]> = {
    "data-at-both-ends": [0, mebibyte + 17, middle, size - 5000].map((offset) => ({ offset, bytes: 5000 })),
    "hole-at-both-ends": [{ offset: middle, bytes: 3 * mebibyte }],
    "hole-only": [],
  };
  const files = Object.fromEntries(Object.entries(all).filter(([name]) => names?.includes(name) ?? true));
  for (const [name, runs] of Object.entries(files)) await writeSparse(join(tree, name), size, runs);

  const repository = await openTestRepository({ url: join(temp.path, "repo") });
  const machine = await connectTestHost(ssh);
  try {
    const { snapshot, problems, bytesReceived } = await pullTree(ssh, repository, tree);
    expect(problems).toEqual([]);
    expect(bytesReceived).toBeLessThan(8 * mebibyte);
    const folder = join(temp.path, "target");
    const target = createRestoreTarget(machine, byteString(folder));
    const result = await restoreSnapshot({
      repository,
      snapshot,
      target,
      signal: new AbortController().signal,
      clock: realClock(),
    });
    expect(result.problems).toEqual([]);
    for (const [name, written] of Object.entries(files)) {
      const [before, after] = [join(tree, name), join(folder, tree, name)];
      const [was, is] = [await stat(before), await stat(after)];
      expect([is.size, is.mtimeMs]).toEqual([was.size, was.mtimeMs]);
      expect(is.blocks * 512).toBeLessThanOrEqual(was.blocks * 512 + written.length * 1.5 * mebibyte);
      const runs = await listDataRuns(after);
      for (const run of await listDataRuns(before)) {
        const around = runs.find(({ offset, bytes }) => offset <= run.offset && offset + bytes >= run.offset + run.bytes);
        expect(around, `${name}: data at ${run.offset} of ${run.bytes}`).toBeDefined();
      }
      for (const { offset, bytes } of runs) {
        const reason = written.some((run) => offset < run.offset + run.bytes && run.offset < offset + bytes);
        expect(reason, `${name}: data at ${offset} of ${bytes} where a hole was`).toBe(true);
      }
      // Every byte where either has data; all else is hole in both.
      for (const { offset, bytes } of runs)
        expect(await bytesAt(after, offset, bytes)).toEqual(await bytesAt(before, offset, bytes));
    }
  } finally {
    await machine.close();
    await repository.close();
  }
}

async function bytesAt(path: string, offset: number, length: number): Promise<Buffer> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer;
}
