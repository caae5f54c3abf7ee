import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestRepository } from "../../../../test/fixtures/pull-tree.ts";
import { createTempFolder, type TempFolder } from "../../../../test/services/index.ts";
import { sha256Hex } from "../crypto/index.ts";
import type { Repository } from "../repository/repository.ts";
import { planRestore } from "./restore-plan.ts";
import { saveHostilePack } from "./test-hostile-pack.ts";

const { signal } = new AbortController();
const times = { mtime: "2026-01-02T03:04:05Z", atime: "2026-01-02T03:04:05Z", ctime: "2026-01-02T03:04:05Z" };
const hello = Buffer.from("hello");
let temp: TempFolder;
let repository: Repository;

beforeAll(async () => {
  temp = await createTempFolder("plan");
  repository = await openTestRepository({ url: join(temp.path, "repo") });
});
afterAll(async () => {
  await repository?.close();
  await temp?.remove();
});

test("the bytes of a plan are those of the content that will be written, once for all names of a file", async () => {
  const file = (name: string, size: number, content?: string[], inode = 0) => {
    const links = inode === 0 ? 1 : 2;
    return { name, type: "file", mode: 0o644, ...times, size, ...(content && { content }), inode, links, device_id: 1 };
  };
  const id = sha256Hex(hello);
  const nodes = [
    file("a", 5, [id]),
    file("b", 5, [id], 7),
    file("c", 5, [id], 7),
    file("empty", 0),
    file("large", 10, [id, id]),
    file("lie", 1000, []),
    { name: "link", type: "symlink", mode: 0o777, ...times, linktarget: "a" },
  ];
  const tree = Buffer.from(`${JSON.stringify({ nodes })}\n`);
  await saveHostilePack(repository, [
    { type: "data", plain: hello },
    { type: "tree", plain: tree },
  ]);
  await repository.loadIndex({ signal });
  const planned = { repository, tree: sha256Hex(tree), signal };
  const all = await planRestore({ ...planned, include: [] });
  expect([all.files.length, all.others.length, all.bytes]).toEqual([5, 2, 20]);
  const some = await planRestore({ ...planned, include: [], isExcluded: (path) => path === "/large" });
  expect([some.files.length, some.bytes]).toEqual([4, 10]);
});
