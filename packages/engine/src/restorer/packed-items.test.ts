import { byteString } from "@lifeboat/model";
import { expect, test } from "vitest";
import { PackedItems } from "./packed-items.ts";
import type { RestoreItem, RestoreNode } from "./restore-item.ts";

const node: RestoreNode = {
  type: "file",
  mode: 0o100644,
  mtime: "2026-11-27T01:02:03.000000004Z",
  uid: 3_000_000_000,
  gid: 7,
  inode: "18446744073709551615",
  deviceId: "9007199254740993",
  size: 2 ** 52 + 1,
  links: 2,
  linkTarget: undefined,
  device: undefined,
  xattrs: [{ name: byteString("user.ä"), value: Uint8Array.of(0, 255) }],
  content: ["00ff".repeat(16), "fe01".repeat(16), "0".repeat(64)],
};
const plain: RestoreNode = { ...node, xattrs: undefined, content: undefined, links: 1, inode: "0" };
const items: RestoreItem[] = [
  { path: byteString("some/\u00e4\u00ff"), node },
  { path: byteString("empty"), node: { ...plain, content: [] } },
  { path: byteString("folder"), node: { ...plain, type: "dir", mtime: "no time: \u2603" } },
  { path: byteString("pointer"), node: { ...plain, type: "symlink", linkTarget: byteString("over \u00fe there"), device: "1" } },
  { path: byteString("again"), node, hardLinkTo: byteString("some/\u00e4\u00ff") },
];

function pack(list: readonly RestoreItem[]): PackedItems {
  const packed = new PackedItems();
  for (const item of list) packed.push(item);
  return packed;
}

test("items come back as they were, one by one, in slices and in another order", () => {
  const packed = pack(items);
  expect(packed.length).toBe(5);
  expect([...packed]).toEqual(items);
  expect(packed.slice(1, 3)).toEqual(items.slice(1, 3));
  expect(packed.slice(4, 20_000)).toEqual(items.slice(4));
  expect(packed.slice(7, 9)).toEqual([]);
  expect([...packed.inOrder([4, 0])]).toEqual([items[4], items[0]]);
  expect(() => packed.at(5)).toThrow(RangeError);
});

test("a copy of a node has its content", () => {
  expect({ ...pack(items).at(0).node, mode: 0o755 }).toEqual({ ...node, mode: 0o755 });
});

test("the inode of what has one name is not kept", () => {
  expect(pack([{ path: byteString("a"), node: { ...node, links: 1 } }]).at(0).node.inode).toBe("0");
});

test("many items, and some larger than a page", () => {
  const large: RestoreItem = { path: byteString("large"), node: { ...node, content: Array(50_000).fill("ab".repeat(32)) } };
  const many = Array.from({ length: 20_000 }, (_, at) => ({ path: byteString(`${"x".repeat(at % 300)}/${at}`), node: plain }));
  const list = [...many.slice(0, 10_000), large, ...many.slice(10_000), large];
  const packed = pack(list);
  expect(packed.length).toBe(list.length);
  for (const [at, item] of list.entries()) if (at % 997 === 0 || item === large) expect(packed.at(at)).toEqual(item);
});
