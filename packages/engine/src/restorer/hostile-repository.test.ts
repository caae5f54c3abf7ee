import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createZstdCompress } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestRepository } from "../../../../test/fixtures/pull-tree.ts";
import { restoreHere } from "../../../../test/fixtures/restore-here.ts";
import { createTempFolder, type TempFolder } from "../../../../test/services/index.ts";
import { sha256Hex } from "../crypto/index.ts";
import type { Repository } from "../repository/repository.ts";
import { type HostileBlob, saveHostilePack } from "./test-hostile-pack.ts";

let temp: TempFolder;
let number = 0;
let bomb: Buffer;
const bombBytes = 2 * 1024 ** 3;

beforeAll(async () => {
  temp = await createTempFolder("hostile");
  bomb = await zstdOfZeros(bombBytes);
  expect(bomb.length).toBeLessThan(1024 * 1024);
}, 120_000);
afterAll(() => temp?.remove());

/** A frame that says nothing of its size. */
async function zstdOfZeros(bytes: number): Promise<Buffer> {
  const stream = createZstdCompress();
  const chunks: Buffer[] = [];
  const done = (async () => {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  })();
  const zeros = Buffer.alloc(16 * 1024 * 1024);
  for (let left = bytes; left > 0; left -= zeros.length) {
    if (!stream.write(zeros)) await new Promise((resolve) => stream.once("drain", resolve));
  }
  stream.end();
  await done;
  return Buffer.concat(chunks);
}

const times = { mtime: "2026-01-02T03:04:05Z", atime: "2026-01-02T03:04:05Z", ctime: "2026-01-02T03:04:05Z" };
const file = (name: string, content: string[], size = 5) => ({ name, type: "file", mode: 0o644, ...times, size, content });
const folder = (name: string, subtree: string) => ({ name, type: "dir", mode: 0x80000000 + 0o755, ...times, subtree });
const treeOf = (nodes: readonly object[]): Buffer => Buffer.from(`${JSON.stringify({ nodes })}\n`);

interface Hostile {
  readonly repository: Repository;
  readonly target: string;
  readonly restore: () => ReturnType<typeof restoreHere>;
}

/** A repository with a good file in `good`, and with `nodes` in the folder `bad` beside it. */
async function build(nodes: readonly object[], blobs: readonly HostileBlob[] = []): Promise<Hostile> {
  // A target in a folder of its own: what leaves it is seen beside it.
  const place = join(temp.path, String(number++));
  mkdirSync(join(place, "around"), { recursive: true });
  const repository = await openTestRepository({ url: join(place, "repo") });
  const good = Buffer.from("good\n");
  const bad = treeOf(nodes);
  const root = treeOf([folder("bad", sha256Hex(bad)), file("good", [sha256Hex(good)])]);
  await saveHostilePack(repository, [
    { type: "data", plain: good },
    { type: "tree", plain: bad },
    { type: "tree", plain: root },
  ]);
  if (blobs.length > 0) await saveHostilePack(repository, blobs);
  const target = join(place, "around/target");
  return { repository, target, restore: () => restoreHere(repository, { tree: sha256Hex(root) }, target) };
}

async function expectContained(
  { repository, target, restore }: Hostile,
  expected: { reason: RegExp; bad: string[] },
): Promise<void> {
  const maxBefore = process.resourceUsage().maxRSS;
  const result = await restore();
  expect(result.problems.map(({ path }) => path)).toEqual([expect.stringMatching(/^bad(\/|$)/)]);
  expect(result.problems[0]?.detail).toMatch(expected.reason);
  expect(result.problemCount).toBe(1);
  expect(readFileSync(join(target, "good"), "utf8")).toBe("good\n");
  expect(readdirSync(join(target, "bad"))).toEqual(expected.bad);
  expect(readdirSync(join(target, ".."))).toEqual(["target"]);
  expect(process.resourceUsage().maxRSS - maxBefore, "KiB of memory").toBeLessThan(256 * 1024);
  await repository.close();
}

const hello = Buffer.from("hello");
const helloId = sha256Hex(hello);

describe("a tree that is hostile costs its own folder alone, and nothing is written outside the target", () => {
  test.each(["..", ".", "", "a/b", "../../escaped", "/tmp/escaped", "with\0nul"])("a name %j", async (name) => {
    const hostile = await build([file(name, [helloId])], [{ type: "data", plain: hello }]);
    await expectContained(hostile, { reason: /this folder is lost: .*bad node name/, bad: [] });
    expect(existsSync("/tmp/escaped")).toBe(false);
  });

  test("two nodes of one name, a link out of the target and a folder: the second is not followed", async () => {
    const inside = treeOf([file("through", [helloId])]);
    const link = { name: "same", type: "symlink", mode: 0o777, ...times, linktarget: "../.." };
    const hostile = await build(
      [link, folder("same", sha256Hex(inside))],
      [
        { type: "data", plain: hello },
        { type: "tree", plain: inside },
      ],
    );
    await expectContained(hostile, { reason: /this name twice/, bad: ["same"] });
  });

  test.each([
    ["a mode that is text", { mode: "755" }],
    ["a negative owner", { uid: -1 }],
    ["content that is no list", { content: "abc" }],
    ["content that is no id", { content: ["../../config"] }],
    ["a size that is no number", { size: "much" }],
    ["a device that is no number", { type: "dev", device: "sda" }],
    ["a link target that is no text", { type: "symlink", linktarget: 5 }],
  ])("%s", async (_, fields) => {
    const hostile = await build([{ ...file("x", [helloId]), ...fields }]);
    await expectContained(hostile, { reason: /this folder is lost: .*wrong kind/, bad: [] });
  });

  test("no tree at all, and a compressed tree that is larger than it says", async () => {
    const plain = treeOf([]);
    const at = folder("inside", sha256Hex(Buffer.from("[1]")));
    await expectContained(await build([at], [{ type: "tree", plain: Buffer.from("[1]") }]), {
      reason: /this folder is lost: .*not an object/,
      bad: ["inside"],
    });
    const bombed = folder("inside", sha256Hex(plain));
    await expectContained(
      await build([bombed], [{ type: "tree", plain, payload: bomb, lie: { uncompressedLength: plain.length } }]),
      {
        reason: /this folder is lost: /,
        bad: ["inside"],
      },
    );
  });
});

describe("trees without a sensible end are refused, in bounded memory and time", () => {
  /** `levels` lists, each with the one before in the folders `names`. */
  async function pile(levels: number, names: readonly string[]): Promise<{ repository: Repository; root: string }> {
    const place = join(temp.path, String(number++));
    const repository = await openTestRepository({ url: join(place, "repo") });
    let below = treeOf([file("bottom", [])]);
    const blobs: HostileBlob[] = [{ type: "tree", plain: below }];
    for (let level = 0; level < levels; level++) {
      below = treeOf(names.map((name) => folder(name, sha256Hex(below))));
      blobs.push({ type: "tree", plain: below });
    }
    await saveHostilePack(repository, blobs);
    return { repository, root: sha256Hex(below) };
  }

  test.each([
    [
      "forty lists that each stand twice in the one above: a million million folders",
      40,
      ["a", "b"],
      /stands at more than 10000 places/,
    ],
    ["folders 5000 deep", 5000, ["a"], /folders deeper than 4096/],
  ])("%s", async (_, levels, names, message) => {
    const { repository, root } = await pile(levels, names);
    const target = join(temp.path, String(number++));
    const before = process.resourceUsage().maxRSS;
    await expect(restoreHere(repository, { tree: root }, target)).rejects.toMatchObject({
      code: "repository-damaged",
      message: expect.stringMatching(message),
    });
    expect(existsSync(target) ? readdirSync(target) : []).toEqual([]);
    expect(process.resourceUsage().maxRSS - before, "KiB of memory").toBeLessThan(256 * 1024);
    await repository.close();
  });

  test("a list of a million open brackets, and one whose node is nested as deep", async () => {
    const deep = "[".repeat(1_000_000);
    for (const text of [deep, `${deep}${"]".repeat(1_000_000)}`, `{"nodes":[{"name":${deep}${"]".repeat(1_000_000)}}]}`]) {
      const plain = Buffer.from(text);
      const hostile = await build([folder("inside", sha256Hex(plain))], [{ type: "tree", plain }]);
      await expectContained(hostile, { reason: /this folder is lost: /, bad: ["inside"] });
    }
  });
});

describe("a snapshot or a key that is no such thing", () => {
  test.each([
    ["a list", []],
    ["null", null],
    ["text", "snapshot"],
    ["a tree that is no id", { time: times.mtime, tree: "../../config", paths: [] }],
    ["a time that is none", { time: "yesterday", tree: "a".repeat(64), paths: [] }],
    ["no tree", { time: times.mtime }],
    ["a million open brackets", "["],
    ["a text of 100 MB", { time: times.mtime, tree: "a".repeat(64), paths: ["x".repeat(100 * 1024 * 1024)] }],
  ])("%s is left out of what is read, and stops what forgets", async (name, value) => {
    const repository = await openTestRepository({ url: join(temp.path, String(number++)) });
    const good = await repository.saveSnapshot({ time: times.mtime, tree: "b".repeat(64), paths: ["/x"] });
    const json = value === "[" ? "[".repeat(1_000_000) : JSON.stringify(value);
    const bad = await repository.saveUnpacked("snapshot", json);
    const before = process.resourceUsage().maxRSS;
    const damaged: string[] = [];
    const found = await repository.listSnapshots({ onDamaged: (id) => damaged.push(id) });
    expect([found.map(({ id }) => id), damaged]).toEqual([[good.id], [bad]]);
    await expect(repository.listSnapshots()).rejects.toMatchObject({ code: "repository-damaged" });
    expect(process.resourceUsage().maxRSS - before, `KiB of memory: ${name}`).toBeLessThan(128 * 1024);
    await repository.close();
  });

  test("members of a snapshot that are of another kind are dropped, not believed", async () => {
    const repository = await openTestRepository({ url: join(temp.path, String(number++)) });
    const fields = { time: times.mtime, tree: "b".repeat(64), paths: "no list", tags: [1, "kept"], hostname: {}, uid: "root" };
    await repository.saveUnpacked("snapshot", JSON.stringify(fields));
    const [snapshot] = await repository.listSnapshots();
    expect(snapshot).toMatchObject({ paths: [], tags: ["kept"] });
    expect([snapshot?.hostname, snapshot?.uid]).toEqual([undefined, undefined]);
    await repository.close();
  });
});

describe("a pack or an index that lies costs the files concerned, in bounded memory", () => {
  const zeros = Buffer.alloc(600_000, "x");
  const zerosId = sha256Hex(zeros);
  const lies: [string, Pick<HostileBlob, "lie">][] = [
    ["a frame that is larger, and an index that says so", { lie: { uncompressedLength: bombBytes } }],
    ["the largest length that an index can hold", { lie: { uncompressedLength: 2 ** 32 - 1 } }],
    ["more sealed bytes than the pack has", { lie: { length: 2 ** 32 - 1 } }],
    ["a place behind the pack's end", { lie: { offset: 2 ** 32 - 1 } }],
    ["a place inside another blob", { lie: { offset: 3 } }],
    ["less than a seal takes", { lie: { length: 7 } }],
    ["nothing at all", { lie: { length: 0 } }],
    ["that it is not compressed", { lie: { uncompressedLength: 0 } }],
    ["one byte too many", { lie: { uncompressedLength: 6 } }],
    ["one byte too few", { lie: { uncompressedLength: 4 } }],
  ];

  test.each(lies)("%s", async (_, lie) => {
    const blobs: HostileBlob[] = [{ type: "data", plain: hello, ...lie }];
    await expectContained(await build([file("x", [helloId])], blobs), { reason: /./, bad: [] });
  });

  test("a frame that is larger than the index says", async () => {
    const blobs: HostileBlob[] = [{ type: "data", plain: hello, payload: bomb }];
    await expectContained(await build([file("x", [helloId])], blobs), { reason: /./, bad: [] });
  });

  test("a large file of which one piece claims four gigabytes is left out, not filled with zeros", async () => {
    const hostile = await build(
      [file("x", [zerosId, helloId, zerosId], 1_200_005)],
      [
        { type: "data", plain: zeros },
        { type: "data", plain: hello, lie: { uncompressedLength: 2 ** 32 - 1 } },
      ],
    );
    await expectContained(hostile, { reason: /claims 4294967295 bytes/, bad: [] });
  });
});
