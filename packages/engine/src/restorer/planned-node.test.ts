import { byteString } from "@lifeboat/model";
import { expect, test } from "vitest";
import type { TreeNode } from "../format/index.ts";
import { PlannedNode } from "./planned-node.ts";

const node: TreeNode = {
  name: byteString("name"),
  type: "file",
  mode: 0o100644,
  mtime: "2026-11-27T01:02:03.000000004Z",
  atime: "2026-11-27T01:02:03.000000004Z",
  ctime: "2026-11-28T00:00:00Z",
  uid: 3_000_000_000,
  gid: 7,
  user: "somebody",
  group: "some",
  inode: "18446744073709551615",
  deviceId: "9007199254740993",
  size: 2 ** 52 + 1,
  links: 2,
  xattrs: [{ name: byteString("user.x"), value: Uint8Array.of(0, 255) }],
  content: ["00ff".repeat(16), "fe01".repeat(16), "0".repeat(64)],
};

test("all that a restore needs of a node is kept, and a copy keeps it too", () => {
  const { name: _name, user: _user, group: _group, atime: _atime, ctime: _ctime, ...needed } = node;
  for (const kept of [new PlannedNode(node), new PlannedNode(new PlannedNode(node))]) {
    for (const [field, value] of Object.entries(needed)) expect(kept[field as keyof PlannedNode], field).toEqual(value);
  }
  expect(new PlannedNode(node, 0o755)).toMatchObject({ mode: 0o755, xattrs: node.xattrs, content: node.content });
  expect(new PlannedNode({ ...node, content: [] }).content).toEqual([]);
  const { content: _content, ...folder } = node;
  expect(new PlannedNode({ ...folder, type: "dir" }).content).toBeUndefined();
  const pointer = new PlannedNode({ ...folder, type: "symlink", linkTarget: byteString("over there"), device: "1" });
  expect([pointer.linkTarget, pointer.device]).toEqual(["over there", "1"]);
});
