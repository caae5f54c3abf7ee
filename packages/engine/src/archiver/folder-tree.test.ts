import type { ByteString, FileEntry, SourceProblem } from "@lifeboat/model";
import { expect, test } from "vitest";
import { sha256Hex } from "../crypto/index.ts";
import { decodeTree, type TreeNode } from "../format/index.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import { noExtras } from "./archive-item.ts";
import { type Folder, FolderTree } from "./folder-tree.ts";
import { nodeOfEntry } from "./node-of-entry.ts";

function entryOf(path: string, type: FileEntry["type"]): FileEntry {
  const time = "2026-11-22T01:00:00Z" as FileEntry["mtime"];
  const owner = { mode: 0o644, uid: 0, gid: 0, user: "", group: "", size: 5, links: 1 };
  return { ...owner, path: path as ByteString, type, mtime: time, ctime: time, inode: "1", device: "1" };
}

function fileNode(path: string): TreeNode {
  return nodeOfEntry(entryOf(path, "file"), noExtras, { content: [sha256Hex(Buffer.from(path))], bytes: 5 });
}

function openTree(maxTreeBytes?: number) {
  const problems: SourceProblem[] = [];
  const stored = new Map<string, TreeNode[]>();
  const saveTree = (bytes: Buffer): string => {
    const id = sha256Hex(bytes);
    stored.set(id, decodeTree(bytes));
    return id;
  };
  const tree = new FolderTree({ saveTree } as unknown as BlobWriter, (problem) => problems.push(problem), maxTreeBytes);
  const open = (path: string, parent: Folder | undefined, resumed: readonly TreeNode[] = []) =>
    tree.open({
      path: path as ByteString,
      entry: parent === undefined ? undefined : entryOf(path, "dir"),
      parent,
      previous: undefined,
      previousNodes: new Map(),
      resumedNodes: new Map(resumed.map((node) => [node.name, node])),
    });
  /** All paths below a tree. */
  const pathsOf = (id: string, above = ""): string[] =>
    (stored.get(id) ?? []).flatMap(({ name, subtree }) => [
      `${above}/${name}`,
      ...(subtree === undefined ? [] : pathsOf(subtree, `${above}/${name}`)),
    ]);
  return { tree, open, stored, pathsOf, problems };
}

test("a checkpoint has what is finished, what is being read and what an earlier one had, and no folder without any of it", () => {
  const { tree, open, pathsOf } = openTree();
  const root = open("/", undefined);
  const finished = open("/finished", root);
  const reading = open("/reading", root);
  open("/resumed", root, [fileNode("/resumed/c")]);
  open("/empty/deeper", open("/empty", root));
  tree.add(finished, fileNode("/finished/a"));
  const { tree: id } = tree.savePartial(new Map([[reading, [fileNode("/reading/b")]]]));
  expect(pathsOf(id).sort()).toEqual(["/finished", "/finished/a", "/reading", "/reading/b", "/resumed", "/resumed/c"]);
});

test("a root of which nothing has come is a tree all the same", () => {
  const { tree, open, pathsOf } = openTree();
  open("/a", open("/", undefined));
  expect(pathsOf(tree.savePartial(new Map()).tree)).toEqual([]);
});

test("only folders that have changed since the last checkpoint are made again, with those above them", () => {
  const { tree, open, stored, pathsOf } = openTree();
  const root = open("/", undefined);
  const [one, two] = [open("/one", root), open("/two", root)];
  const known = fileNode("/one/a");
  tree.add(one, fileNode("/one/b"));
  tree.add(two, fileNode("/two/a"));
  const first = tree.savePartial(new Map([[one, [known]]]));
  expect(first.treeBytes).toBeGreaterThan(0);
  stored.delete(first.tree);

  // Its verdict came: the same node stands in the folder now.
  tree.add(one, known);
  const second = tree.savePartial(new Map());
  expect(second).toEqual({ tree: first.tree, treeBytes: 0 });
  expect(stored.has(first.tree)).toBe(false);

  const before = new Set(stored.keys());
  tree.add(two, fileNode("/two/b"));
  const third = tree.savePartial(new Map());
  expect([...stored.keys()].filter((id) => !before.has(id))).toHaveLength(2);
  expect(pathsOf(third.tree).sort()).toEqual(["/one", "/one/a", "/one/b", "/two", "/two/a", "/two/b"]);
});

test("another node of the same name is noticed", () => {
  const { tree, open, stored, pathsOf } = openTree();
  const root = open("/", undefined);
  const folder = open("/one", root);
  const first = tree.savePartial(new Map([[folder, [fileNode("/one/a")]]]));
  const grown = { ...fileNode("/one/a"), size: 7 };
  const second = tree.savePartial(new Map([[folder, [grown]]]));
  expect(second.tree).not.toBe(first.tree);
  expect(pathsOf(second.tree)).toEqual(["/one", "/one/a"]);
  expect([...stored.values()].flat().filter(({ size }) => size === 7)).toHaveLength(1);
});

test("files whose lists of blobs do not fit into one tree are named, the longest first, and all others are stored", () => {
  const { tree, open, pathsOf, problems } = openTree(20_000);
  const root = open("/", undefined);
  const folder = open("/data", root);
  const ids = (count: number) => Array.from({ length: count }, (_, at) => sha256Hex(Buffer.from(`${at}`)));
  const withContent = (name: string, count: number) => ({ ...fileNode(`/data/${name}`), content: ids(count) });
  // Alone longer than a tree; then two of which only the shorter one fits; and small ones.
  for (const node of [withContent("huge", 400), withContent("large", 150), withContent("long", 140), withContent("short", 1)])
    tree.add(folder, node);
  const { tree: partial } = tree.savePartial(new Map());
  expect(pathsOf(partial)).toEqual(["/data", "/data/long", "/data/short"]);
  expect(problems).toEqual([]);
  tree.done(folder);
  tree.done(root);
  expect(pathsOf(tree.rootId!)).toEqual(["/data", "/data/long", "/data/short"]);
  expect(problems.map(({ path, kind }) => `${path} ${kind}`)).toEqual(["/data/huge unreadable", "/data/large unreadable"]);
});
