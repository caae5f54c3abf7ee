import { type ByteString, byteString, type FileEntry } from "@lifeboat/model";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ListingPlace } from "./listing-place.ts";

/** A folder's members; a number is a file. */
type Tree = readonly (Tree | number)[];

const trees = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.array(fc.oneof({ depthSize: "small" }, fc.constant(0), tie("tree")), { maxLength: 5 }),
})).tree;

function entry(path: string, type: "file" | "dir", above = false): FileEntry {
  const numbers = { mode: 0o644, uid: 0, gid: 0, size: 0, links: 1 };
  const words = { user: "", group: "", inode: "1", device: "1" };
  const time = "2026-01-01T00:00:00Z" as FileEntry["mtime"];
  return { path: byteString(path), type, ...numbers, ...words, mtime: time, ctime: time, ...(above && { above }) };
}

/** Depth first, as a source lists it; `name` gives the n-th member of a folder its name. */
function list(path: string, tree: Tree, name = (at: number) => `m${at}`): FileEntry[] {
  return [
    entry(path, "dir"),
    ...tree.flatMap((member, at) => {
      const below = `${path}/${name(at)}`;
      return typeof member === "number" ? [entry(below, "file")] : list(below, member, name);
    }),
  ];
}

const paths = (entries: readonly FileEntry[]): ByteString[] => entries.map(({ path }) => path);

function placeAfter(entries: readonly FileEntry[]): ListingPlace {
  const place = new ListingPlace();
  for (const one of entries) place.enter(one);
  return place;
}

describe("the place of a listing that broke", () => {
  it("is found again wherever it broke, and exactly the rest is new, however the batches lie", () => {
    fc.assert(
      fc.property(trees, trees, fc.nat(), fc.integer({ min: 1, max: 7 }), (first, second, cut, batch) => {
        const all = [entry("/srv", "dir", true), ...list("/srv/a", first), ...list("/srv/b", second)];
        const before = cut % (all.length + 1);
        const replay = placeAfter(all.slice(0, before)).replay();
        const fresh: FileEntry[] = [];
        for (let at = 0; at < all.length; at += batch) fresh.push(...(replay.fresh(all.slice(at, at + batch)) ?? []));
        expect(paths(fresh)).toEqual(paths(all.slice(before)));
        expect(replay.isDone).toBe(true);
      }),
    );
  });

  it("is not found where a name before it has gone, has come or stands elsewhere", () => {
    const all = list("/srv", [0, [0, 0], [0, 0, 0], 0]);
    const before = all.length - 2;
    const change = (edit: (entries: FileEntry[]) => void) => {
      const other = [...all];
      edit(other);
      const replay = placeAfter(all.slice(0, before)).replay();
      const fresh = replay.fresh(other);
      return fresh === undefined || !replay.isDone;
    };
    expect(change(() => undefined)).toBe(false);
    expect(change((entries) => entries.splice(1, 1))).toBe(true);
    expect(change((entries) => entries.splice(1, 0, entry("/srv/new", "file")))).toBe(true);
    expect(change((entries) => entries.splice(1, 4, ...entries.slice(2, 5), entries[1]!))).toBe(true);
    // Of a folder that was left what it holds does not matter any more: its own verdicts tell.
    expect(change((entries) => entries.splice(3, 1))).toBe(false);
    expect(change((entries) => entries.splice(before - 1))).toBe(true);
  });

  it("survives a second break", () => {
    const all = list("/srv", [0, [0, [0, 0, 0]], [0, 0]]);
    const place = placeAfter(all.slice(0, 3));
    const again = place.replay().fresh(all.slice(0, 7)) ?? [];
    for (const one of again) place.enter(one);
    expect(paths(place.replay().fresh(all) ?? [])).toEqual(paths(all.slice(7)));
  });
});
