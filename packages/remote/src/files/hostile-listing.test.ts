import { byteString } from "@lifeboat/model";
import { expect, test } from "vitest";
import { ListingParser } from "./listing-parser.ts";
import { sizeProblem } from "./storable-size.ts";
import { TreeOrder } from "./tree-order.ts";

/** One record as find prints it, with something else in one place. */
function record(
  path: string,
  change: Partial<Record<"type" | "mode" | "uid" | "size" | "mtime" | "inode" | "links", string>> = {},
): string {
  const { type = "f", mode = "644", uid = "0", size = "5", mtime = "1700000000.0", inode = "7", links = "1" } = change;
  return `${type} ${mode} ${uid} 0 ${size} ${mtime} 1700000000.0 ${inode} 9 ${links}\0${path}\0\0`;
}

function listAll(...records: string[]): void {
  const parser = new ListingParser("/srv on web1");
  const order = new TreeOrder([byteString("/srv")], "/srv on web1");
  for (const entry of parser.push(Buffer.from(records.join(""), "latin1"))) order.check(entry);
  parser.end();
}

const root = record("/srv", { type: "d", mode: "755" });
const folder = record("/srv/a", { type: "d", mode: "755" });

test("a listing that is right passes", () => {
  expect(() => listAll(root, folder, record("/srv/a/b"), record("/srv/c\nd"))).not.toThrow();
});

test("a time beyond every calendar is clamped, and a size beyond 2^53 left to whoever lists", () => {
  const parser = new ListingParser("/srv on web1");
  const records = [
    record("/srv/late", { mtime: `${2n ** 60n}.0000000000` }),
    record("/srv/early", { mtime: `-${2n ** 63n}.1234567890` }),
    record("/srv/big", { size: `${2n ** 63n - 1n}` }),
  ];
  const entries = parser.push(Buffer.from(records.join("")));
  expect(entries.map(({ mtime }) => mtime)).toEqual([
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00.123456789Z",
    "2023-11-14T22:13:20Z",
  ]);
  expect(entries.map(sizeProblem)).toEqual([
    undefined,
    undefined,
    { path: "/srv/big", kind: "unreadable", detail: expect.stringContaining("File too large") },
  ]);
});

test.each([
  ["f 644 0 0 5 NaN 1.0 7 9 1\0/srv/a\0\0", / holds a time that is none at \/srv\/a$/],
  ["f 644 0 0 5\0/srv/a\0\0", / holds a record with 5 numbers instead of 10 at \/srv\/a$/],
  [`${record("/srv/a")}f 644`, / holds output that ends inside a record after \/srv\/a$/],
])("what is wrong is told with the path", (records, message) => {
  expect(() => listAll(root, records)).toThrow(message);
});

test.each([
  ["a path outside of the source", [root, record("/etc/passwd")]],
  ["a path beside the source that begins alike", [root, record("/srv2/x")]],
  ["a path above the source", [root, record("/")]],
  ["..", [root, record("/srv/..", { type: "d" })]],
  [".. on the way", [root, folder, record("/srv/a/../../etc/passwd")]],
  [".", [root, record("/srv/.")]],
  ["an empty name", [root, record("/srv/")]],
  ["an empty name on the way", [root, folder, record("/srv//a/b")]],
  ["a relative path", [root, record("srv/a")]],
  ["no path", [root, record("")]],
  ["a name of 256 bytes", [root, record(`/srv/${"x".repeat(256)}`)]],
  ["a file below a file", [root, record("/srv/f"), record("/srv/f/g")]],
  ["a file below a link", [root, record("/srv/l", { type: "l" }), record("/srv/l/g")]],
  ["a folder that was left already", [root, folder, record("/srv/z"), record("/srv/a/late")]],
  ["the root twice", [root, root]],
  ["an entry before the root", [folder, root]],
  ["a type that there is not", [root, record("/srv/x", { type: "q" })]],
  ["a mode beyond what there is", [root, record("/srv/x", { mode: "177777" })]],
  ["a negative owner", [root, record("/srv/x", { uid: "-1" })]],
  ["a size beyond what can be counted", [root, record("/srv/x", { size: "99999999999999999999" })]],
  ["a size that is no whole number", [root, record("/srv/x", { size: "1e3.5" })]],
  ["a negative size", [root, record("/srv/x", { size: "-5" })]],
  ["a time that is none", [root, record("/srv/x", { mtime: "NaN" })]],
  ["a time of more digits than there are", [root, record("/srv/x", { mtime: "9".repeat(21) })]],
  ["a time in hexadecimal digits", [root, record("/srv/x", { mtime: "0x7" })]],
  ["links in hexadecimal digits", [root, record("/srv/x", { links: "0x7" })]],
  ["an inode that is none", [root, record("/srv/x", { inode: "0x7" })]],
  ["an inode of more digits than there are", [root, record("/srv/x", { inode: "9".repeat(21) })]],
  ["links that are no number", [root, record("/srv/x", { links: "many" })]],
  ["a record that does not end", [root, "f 644"]],
  ["a record without an end", [root, "x".repeat(300_000)]],
  ["numbers without an end", [root, `${"1 ".repeat(500)}\0/srv/x\0\0`]],
])("a host that lists %s is refused", (_, records) => {
  expect(() => listAll(...records)).toThrow(expect.objectContaining({ code: "host-garbage" }));
});
