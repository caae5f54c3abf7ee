import { setTimeout as wait } from "node:timers/promises";
import { LifeboatError, type ProgressStatus } from "@lifeboat/model";
import { beforeEach, describe, expect, test } from "vitest";
import { createRandomBytes } from "../../../../test/fixtures/random-bytes.ts";
import { createSeededRandom } from "../../../../test/fixtures/seeded-random.ts";
import { createMemoryStore, type ObjectStore } from "../backend/index.ts";
import { parsePolynomial } from "../chunker/index.ts";
import { findReferenceCuts } from "../chunker/reference-cuts.ts";
import type { Snapshot, TreeNode } from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { initRepository } from "../repository/open-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { type ArchiveOptions, archiveFiles } from "./archive-files.ts";
import { MemorySource } from "./test-memory-source.ts";

const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
const randomBytes = createRandomBytes(seed);
const cases = process.env.LIFEBOAT_TEST_LONG === "1" ? 400 : 16;
const mebibyte = 1024 * 1024;
const clock = { now: () => Date.now(), sleep: (milliseconds: number) => wait(milliseconds) };
console.log(`seed ${seed} (LIFEBOAT_TEST_SEED)`);

let store: ObjectStore;
let repository: Repository;
let declined: string[];

beforeEach(async () => {
  store = createMemoryStore();
  const cost = { N: 1024, r: 8, p: 1 };
  repository = await initRepository({ store }, "a password", { clock, username: "u", hostname: "h", cost });
  declined = [];
});

/** Gives the file's node, and how many blobs were new. */
async function archive(source: MemorySource, options: Partial<ArchiveOptions> = {}) {
  const signal = options.signal ?? new AbortController().signal;
  const writer = new BlobWriter(repository, { signal, threads: 2 });
  try {
    const readWhole = (_: unknown, reason: string) => void declined.push(reason);
    const result = await archiveFiles({ repository, writer, source, signal, clock, readWhole, ...options });
    await writer.finish();
    const { tree } = result;
    const [folder] = await repository.loadTree(tree);
    const [node] = await repository.loadTree(folder!.subtree!);
    return { ...result, node: node as TreeNode, newBlobs: writer.figures.dataBlobs, snapshot: { tree } as Snapshot };
  } finally {
    await writer.close();
  }
}

/** As if there were no parent: what everything is compared with. */
async function archiveWhole(source: MemorySource) {
  const plain = new MemorySource(source.bytes, undefined);
  plain.version = source.version;
  plain.xattr = source.xattr;
  return archive(plain);
}

async function expectSameAsWhole(source: MemorySource, node: TreeNode): Promise<void> {
  const whole = await archiveWhole(source);
  expect(node, `seed ${seed}`).toEqual(whole.node);
  expect(whole.newBlobs, `seed ${seed}`).toBe(0);
  expect(node.size).toBe(source.bytes.length);
}

type Edit = (bytes: Buffer) => Buffer;
const within = (bytes: Buffer) => random.below(Math.max(1, bytes.length));
const edits: Record<string, Edit> = {
  overwrite: (bytes) => {
    const made = Buffer.from(bytes);
    for (let count = 1 + random.below(12); count > 0; count--) randomBytes(1 + random.below(20_000)).copy(made, within(bytes));
    return made;
  },
  "overwrite one byte": (bytes) => {
    const made = Buffer.from(bytes);
    const at = within(bytes);
    made[at] = (made[at]! + 1) & 255;
    return made;
  },
  append: (bytes) => Buffer.concat([bytes, randomBytes(1 + random.below(3 * mebibyte))]),
  truncate: (bytes) => bytes.subarray(0, bytes.length - random.below(Math.min(bytes.length, 4 * mebibyte))),
  insert: (bytes) => {
    const at = within(bytes);
    return Buffer.concat([bytes.subarray(0, at), randomBytes(1 + random.below(10_000)), bytes.subarray(at)]);
  },
  remove: (bytes) => {
    const at = within(bytes);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.below(10_000))]);
  },
  "fill with zeros": (bytes) => {
    const made = Buffer.from(bytes);
    const at = within(bytes);
    return made.fill(0, at, Math.min(made.length, at + random.below(10 * mebibyte)));
  },
  "exchange two parts": (bytes) => {
    const length = Math.floor(bytes.length / 8);
    const made = Buffer.from(bytes);
    bytes.copy(made, 0, bytes.length - length);
    bytes.copy(made, bytes.length - length, 0, length);
    return made;
  },
  nothing: (bytes) => Buffer.from(bytes),
};

test(`after random edits a file has the blobs that reading all of it gives (${cases} times)`, async () => {
  const names = Object.keys(edits);
  for (let number = 0; number < cases; number++) {
    const start = randomBytes(2 * mebibyte + random.below(18 * mebibyte));
    const source = new MemorySource(
      random.below(4) === 0 ? start.fill(7, 0, Math.min(9 * mebibyte, start.length >> 1)) : start,
      1,
    );
    const first = await archive(source);
    const done = Array.from({ length: 1 + random.below(3) }, () => names[random.below(names.length)]!);
    for (const name of done) source.bytes = Buffer.from(edits[name]!(source.bytes));
    source.version++;
    source.xattr = `note ${number}`;
    if (source.bytes.length === 0) continue;
    const second = await archive(source, { parent: first.snapshot });
    expect(source.wholeReads, `seed ${seed}, ${done}`).toBe(0);
    expect(declined).toEqual([]);
    await expectSameAsWhole(source, second.node);
    expect(second.bytesUnmoved + source.pulledBytes).toBeGreaterThanOrEqual(source.bytes.length);
  }
}, 600_000);

test("the blobs are those of the chunker's definition", async () => {
  const source = new MemorySource(randomBytes(6 * mebibyte), 1);
  const first = await archive(source);
  source.bytes = Buffer.concat([edits.overwrite!(source.bytes), randomBytes(mebibyte)]);
  source.version++;
  const { node } = await archive(source, { parent: first.snapshot });
  const cuts = findReferenceCuts(source.bytes, parsePolynomial(repository.config.chunkerPolynomial), 512 * 1024, 8 * mebibyte);
  const lengths = await Promise.all(node.content!.map(async (id) => (await repository.loadBlob(id, "data")).length));
  expect(lengths, `seed ${seed}`).toEqual(cuts);
}, 120_000);

test("what comes is what differs", async () => {
  const source = new MemorySource(randomBytes(64 * mebibyte), 1);
  const first = await archive(source);
  const made = Buffer.from(source.bytes);
  const pages = made.length / 4096;
  for (let count = pages / 100; count > 0; count--) randomBytes(4096).copy(made, random.below(pages) * 4096);
  source.bytes = Buffer.concat([made, randomBytes(100_000)]);
  source.version++;
  const reports: ProgressStatus[] = [];
  const second = await archive(source, { parent: first.snapshot, progress: (event) => void reports.push(event) });
  await expectSameAsWhole(source, second.node);
  const { bytesUnmoved } = second;
  expect(source.bytes.length - bytesUnmoved).toBeLessThanOrEqual((64 * mebibyte) / 100 + 4096 + 100_000);
  expect(reports.at(-1)?.bytes_done).toBeLessThanOrEqual(source.bytes.length);
  // Appended alone: nothing of what was there is loaded again but the last blob.
  source.bytes = Buffer.concat([source.bytes, randomBytes(200_000)]);
  source.version++;
  const third = await archive(source, { parent: second.snapshot });
  expect(source.bytes.length - third.bytesUnmoved).toBe(200_000);
  await expectSameAsWhole(source, third.node);
}, 120_000);

test("zeros in the place of data are not pulled", async () => {
  const source = new MemorySource(randomBytes(12 * mebibyte), 1);
  const first = await archive(source);
  source.bytes = Buffer.from(source.bytes).fill(0, 3 * mebibyte, 9 * mebibyte);
  source.version++;
  const second = await archive(source, { parent: first.snapshot });
  expect(second.bytesUnmoved).toBe(source.bytes.length);
  await expectSameAsWhole(source, second.node);
}, 60_000);

test("a file that is another one altogether does not make the repository be read for nothing", async () => {
  const source = new MemorySource(randomBytes(96 * mebibyte), 1);
  const first = await archive(source);
  source.bytes = randomBytes(96 * mebibyte);
  source.version++;
  let read = 0;
  const { get } = store;
  store.get = async (name, options) => {
    const bytes = await get.call(store, name, options);
    if (name.startsWith("data/")) read += bytes.length;
    return bytes;
  };
  const second = await archive(source, { parent: first.snapshot });
  expect(read).toBeLessThan(64 * mebibyte);
  await expectSameAsWhole(source, second.node);
}, 120_000);

describe("when it cannot be trusted", () => {
  let source: MemorySource;
  let parent: Snapshot;

  beforeEach(async () => {
    source = new MemorySource(randomBytes(10 * mebibyte), 1);
    parent = (await archive(source)).snapshot;
    source.bytes = edits.overwrite!(source.bytes);
    source.bytes = Buffer.concat([source.bytes, randomBytes(50_000)]);
    source.version++;
  });

  test("a host that declines is read whole", async () => {
    source.declines = true;
    const second = await archive(source, { parent });
    expect([source.wholeReads, declined, second.bytesUnmoved]).toEqual([1, ["it is said so"], 0]);
    await expectSameAsWhole(source, second.node);
  });

  test.each(["hash", "hashPages", "read"] as const)("a wrong answer to %s is noticed, or does not matter", async (kind) => {
    let number = 0;
    source.interfere = (asked, answer) => {
      if (asked === kind && number++ === 0) answer[0]! ^= 1;
      return answer;
    };
    const second = await archive(source, { parent });
    expect(number).toBeGreaterThan(0);
    source.interfere = undefined;
    // A page that is pulled although it is as it was costs its bytes only.
    if (kind !== "hashPages") expect(source.wholeReads).toBe(1);
    await expectSameAsWhole(source, second.node);
  });

  test.each(["hash", "hashPages", "read", "finish"] as const)("an answer to %s that does not come", async (kind) => {
    source.interfere = (asked, answer) => {
      if (asked === kind) throw new LifeboatError("command-failed", "no answer");
      return answer;
    };
    const second = await archive(source, { parent });
    expect([source.wholeReads, declined]).toEqual([1, ["no answer"]]);
    await expectSameAsWhole(source, second.node);
  });

  test("a file that changes between its hash and its bytes is read whole", async () => {
    let isDone = false;
    source.interfere = (asked) => {
      if (asked === "hashPages" && !isDone) {
        isDone = true;
        source.bytes = randomBytes(source.bytes.length);
        source.version++;
      }
      return undefined;
    };
    const second = await archive(source, { parent });
    expect(isDone).toBe(true);
    expect(source.wholeReads).toBeGreaterThan(0);
    await expectSameAsWhole(source, second.node);
  });

  test("a file that grew meanwhile is asked again for what differs", async () => {
    let isDone = false;
    source.interfere = (asked) => {
      if (asked === "finish" && !isDone) {
        isDone = true;
        source.bytes = Buffer.concat([source.bytes, randomBytes(70_000)]);
        source.version++;
      }
      return undefined;
    };
    const second = await archive(source, { parent });
    expect([source.wholeReads, second.problemCount]).toEqual([0, 0]);
    await expectSameAsWhole(source, second.node);
  });

  test("a file that never stands still is stored as read, and told", async () => {
    source.interfere = (asked) => {
      if (asked === "finish") {
        source.bytes = Buffer.concat([source.bytes, randomBytes(1000)]);
        source.version++;
      }
      return undefined;
    };
    const second = await archive(source, { parent });
    expect(second.problems.map(({ kind }) => kind)).toEqual(["changed"]);
    expect(second.node.size).toBe(source.bytes.length - 1000);
  });

  test.each(["gone", "damaged"] as const)("blobs of the parent that are %s are pulled", async (damage) => {
    for await (const { name, size } of store.list("data/")) {
      if (size < mebibyte) continue;
      const bytes = Buffer.from(await store.get(name));
      await store.delete(name);
      if (damage === "damaged") await store.put(name, bytes.fill(0, 1000, bytes.length - 1000));
    }
    const second = await archive(source, { parent });
    expect([source.wholeReads, declined]).toEqual([0, []]);
    await expectSameAsWhole(source, second.node);
  });

  test("a run that is stopped in the middle ends, and the next one takes its beginning from the checkpoint", async () => {
    source = new MemorySource(randomBytes(160 * mebibyte), 1);
    parent = (await archive(source)).snapshot;
    source.bytes = Buffer.from(source.bytes);
    for (let at = 8 * mebibyte; at < source.bytes.length; at += 3 * 4096) source.bytes[at]! ^= 1;
    source.version++;
    const stop = new AbortController();
    const trees: string[] = [];
    source.interfere = (asked, _, offset) => {
      if (asked === "hashPages" && offset > 120 * mebibyte) stop.abort(new LifeboatError("cancelled", "stopped"));
      return undefined;
    };
    const failed: unknown[] = [];
    const checkpoints = (resume: string | undefined) => ({
      resume,
      save: async (tree: string) => void trees.push(tree),
      failed: (error: unknown) => void failed.push(error),
    });
    const options = { parent, checkpoints: checkpoints(undefined) };
    await expect(archive(source, { ...options, signal: stop.signal })).rejects.toThrow();
    expect(trees.length).toBeGreaterThan(0);
    source.interfere = undefined;
    // As after a kill: only what is stored counts.
    await repository.loadIndex();
    const second = await archive(source, { parent, checkpoints: checkpoints(trees.at(-1)) });
    expect(second.bytesResumed).toBeGreaterThan(16 * mebibyte);
    expect(source.hashedBytes).toBeLessThanOrEqual(160 * mebibyte - second.bytesResumed);
    expect(source.wholeReads).toBe(0);
    await expectSameAsWhole(source, second.node);
  }, 120_000);
});
