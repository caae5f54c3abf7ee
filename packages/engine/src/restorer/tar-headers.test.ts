import { execFileSync } from "node:child_process";
import { type ByteString, byteString } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import { goFileMode, type TreeNode } from "../format/index.ts";
import { sparseMapBlock } from "./file-parts.ts";
import { tarEnd, tarHeaders, tarPaddingBytes } from "./tar-headers.ts";

const node = (name: string, more: Partial<TreeNode> = {}): TreeNode => ({
  name: byteString(name),
  type: "file",
  mode: goFileMode("file", 0o640),
  mtime: "2026-01-02T03:04:05.123456789Z",
  atime: "2026-01-02T03:04:05Z",
  ctime: "2026-01-02T03:04:05Z",
  uid: 3_000_000,
  gid: 5,
  user: "",
  group: "",
  inode: "1",
  deviceId: "1",
  size: 0,
  links: 1,
  ...more,
});

const list = (archive: Buffer) =>
  execFileSync("tar", ["--list", "--verbose", "--numeric-owner", "--full-time", "--quoting-style=c", "--file=-"], {
    input: archive,
    env: { PATH: process.env.PATH, TZ: "UTC", LC_ALL: "C" },
  }).toString();

describe("tar headers", () => {
  it("are read by GNU tar as they were meant: long names, nanoseconds, large owners, devices, links", () => {
    const content = Buffer.from("hello");
    const long = `${"d".repeat(120)}/${"\xff".repeat(255)}` as ByteString;
    const archive = Buffer.concat([
      tarHeaders({ path: long, node: node("x", { size: 5 }), bytes: 5 }),
      content,
      Buffer.alloc(tarPaddingBytes(5)),
      tarHeaders({ path: byteString("other"), node: node("other"), hardLinkTo: long, bytes: 0 }),
      tarHeaders({
        path: byteString("null"),
        node: node("null", { type: "chardev", mode: goFileMode("chardev", 0o666), device: String((1 << 8) | 3) }),
        bytes: 0,
      }),
      tarHeaders({
        path: byteString("link"),
        node: node("link", { type: "symlink", linkTarget: "t".repeat(300) as ByteString }),
        bytes: 0,
      }),
      tarEnd(),
    ]);
    const [file, other, device, link] = list(archive).trim().split("\n");
    expect(file).toContain("-rw-r----- 3000000/5");
    expect(file).toContain("5 2026-01-02 03:04:05.123456789");
    expect(file).toContain(`"${"d".repeat(120)}/${"\\377".repeat(255)}"`);
    expect(other).toContain(`link to "${"d".repeat(120)}/`);
    expect(device).toMatch(/^crw-rw-rw- .* 1,3 /);
    expect(link).toContain(`-> "${"t".repeat(300)}"`);
  });

  it("keep times before 1970 and whole seconds", () => {
    const times = ["1969-12-31T23:59:58.25Z", "1969-12-31T23:59:58Z", "2026-01-02T03:04:05Z"];
    const archive = Buffer.concat([
      ...times.map((mtime, at) => tarHeaders({ path: byteString(`f${at}`), node: node("f", { mtime }), bytes: 0 })),
      tarEnd(),
    ]);
    const lines = list(archive).trim().split("\n");
    // GNU tar restores this one rightly and lists it wrongly, so the record itself is looked at.
    expect(archive.toString("latin1")).toContain(" mtime=-1.750000000\n");
    expect(lines[1]).toContain("1969-12-31 23:59:58 ");
    expect(lines[2]).toContain("2026-01-02 03:04:05 ");
  });

  it("describe the holes of a sparse file so that GNU tar makes them", () => {
    const parts = [
      { offset: 0, bytes: 4, blobs: ["a"], blobBytes: [4], fillBytes: 0 },
      { offset: 4, bytes: 524_288, blobs: [], blobBytes: [], fillBytes: 0 },
    ];
    const map = sparseMapBlock(parts, 524_292);
    expect(map.toString("latin1").replaceAll("\0", "")).toBe("2\n0\n4\n524292\n0\n");
    const headers = tarHeaders({ path: byteString("sparse"), node: node("sparse"), bytes: map.length + 4, sparseSize: 524_292 });
    const archive = Buffer.concat([headers, map, Buffer.from("data"), Buffer.alloc(508), tarEnd()]);
    expect(list(archive)).toContain(" 524292 ");
    const out = execFileSync("tar", ["--extract", "--to-stdout", "--file=-"], { input: archive, maxBuffer: 1 << 24 });
    expect(out.length).toBe(524_292);
    expect(out.subarray(0, 4).toString()).toBe("data");
    expect(out.subarray(4).every((byte) => byte === 0)).toBe(true);
  });
});
