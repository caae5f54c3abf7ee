import { type ByteString, epochFromRfc3339, fromBytes } from "@lifeboat/model";
import { unixMode } from "../format/index.ts";
import type { RestoreNode } from "./restore-item.ts";

/** What one tar member needs beyond its node. Paths are relative to the target, without a leading slash. */
export interface TarMember {
  readonly path: ByteString;
  readonly node: RestoreNode;
  /** Set for the second and later names of an inode: the member is a hard link to that path. */
  readonly hardLinkTo?: ByteString;
  /** Bytes that follow the header; for a sparse file the map and the data parts. */
  readonly bytes: number;
  /** Size of the file when it is sparse. */
  readonly sparseSize?: number;
}

type Epoch = NonNullable<ReturnType<typeof epochFromRfc3339>>;

const typeFlags: Record<string, string> = { file: "0", dir: "5", symlink: "2", dev: "4", chardev: "3", fifo: "6" };
const blockBytes = 512;
const maxOctal7 = 0o7777777;
const maxOctal11 = 0o77777777777;

/** Header blocks of one member in pax format (POSIX.1-2001): nanoseconds, long names and xattrs go into an extended header. */
export function tarHeaders(member: TarMember): Buffer {
  const time = epochFromRfc3339(member.node.mtime);
  const records = paxRecords(member, time);
  const extendedBytes = records === "" ? 0 : blockBytes + records.length + tarPaddingBytes(records.length);
  const headers = Buffer.allocUnsafe(extendedBytes + blockBytes).fill(0);
  if (extendedBytes > 0) {
    headers.write("././@PaxHeader", 0, "latin1");
    fillBlock(headers.subarray(0, blockBytes), { mode: 0o600, uid: 0, gid: 0, size: records.length, mtime: 0, flag: "x" });
    headers.write(records, blockBytes, "latin1");
  }
  fillMember(headers.subarray(extendedBytes), member, time);
  return headers;
}

/** Two empty blocks end an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}

export function tarPaddingBytes(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}

function fillMember(block: Buffer, { path, node, hardLinkTo, bytes }: TarMember, time: Epoch | undefined): void {
  block.write(path.slice(0, 100), 0, "latin1");
  const target = hardLinkTo ?? (node.type === "symlink" ? node.linkTarget : undefined);
  if (target !== undefined) block.write(target.slice(0, 100), 157, "latin1");
  if (node.type === "dev" || node.type === "chardev") {
    const { major, minor } = splitDevice(node.device ?? "0");
    writeOctal(block, 329, 8, major);
    writeOctal(block, 337, 8, minor);
  }
  const flag = hardLinkTo === undefined ? (typeFlags[node.type] ?? "0") : "1";
  fillBlock(block, { mode: unixMode(node.mode), uid: node.uid, gid: node.gid, size: bytes, mtime: time?.seconds ?? 0, flag });
}

/** The fields that every block has; the checksum, over all that is in it, comes last. */
function fillBlock(
  block: Buffer,
  fields: { mode: number; uid: number; gid: number; size: number; mtime: number; flag: string },
): void {
  writeOctal(block, 100, 8, fields.mode);
  writeOctal(block, 108, 8, fields.uid > maxOctal7 ? 0 : fields.uid);
  writeOctal(block, 116, 8, fields.gid > maxOctal7 ? 0 : fields.gid);
  writeOctal(block, 124, 12, fields.size > maxOctal11 ? 0 : fields.size);
  writeOctal(block, 136, 12, fields.mtime < 0 || fields.mtime > maxOctal11 ? 0 : fields.mtime);
  block.write(fields.flag, 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.fill(32, 148, 156);
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += block[at]!;
  writeOctal(block, 148, 7, sum);
}

/** Digits with zeros in front, and a NUL as the last byte. Digit by digit: a header has a dozen of them, and strings cost more. */
function writeOctal(block: Buffer, at: number, width: number, value: number): void {
  let left = value;
  for (let digit = at + width - 2; digit >= at; digit--) {
    block[digit] = 48 + (left % 8);
    left = Math.floor(left / 8);
  }
  block[at + width - 1] = 0;
}

/** The extended header's records as bytes in a string. */
function paxRecords({ path, node, hardLinkTo, bytes, sparseSize }: TarMember, time: Epoch | undefined): string {
  let records = "";
  const add = (key: string, value: string) => {
    records += paxRecord(key, value);
  };
  if (sparseSize !== undefined) {
    add("GNU.sparse.major", "1");
    add("GNU.sparse.minor", "0");
    add("GNU.sparse.name", path);
    add("GNU.sparse.realsize", String(sparseSize));
  }
  if (path.length > 100 || !isAscii(path)) add("path", path);
  const target = hardLinkTo ?? (node.type === "symlink" ? node.linkTarget : undefined);
  if (target !== undefined && (target.length > 100 || !isAscii(target))) add("linkpath", target);
  if (bytes > maxOctal11) add("size", String(bytes));
  if (node.uid > maxOctal7) add("uid", String(node.uid));
  if (node.gid > maxOctal7) add("gid", String(node.gid));
  const mtime = paxTime(time);
  if (mtime !== undefined) add("mtime", mtime);
  if (hardLinkTo === undefined) {
    for (const { name, value } of node.xattrs ?? []) {
      // In a record's key "=" ends the key; GNU tar writes and reads it as %3D, and "%" as %25.
      add(`SCHILY.xattr.${name.replaceAll("%", "%25").replaceAll("=", "%3D")}`, fromBytes(value));
    }
  }
  return records;
}

/** "LENGTH KEY=VALUE\n" where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length++;
  return `${length} ${key}=${value}\n`;
}

/** Only where the block's whole seconds are not exact. */
function paxTime(time: Epoch | undefined): string | undefined {
  if (time === undefined || (time.nanos === 0 && time.seconds >= 0 && time.seconds <= maxOctal11)) return undefined;
  if (time.nanos === 0) return String(time.seconds);
  // Before 1970 the fraction counts towards zero in pax: -1.25 is 1.25 s before, while nanos count upwards from the second.
  if (time.seconds < 0) {
    const whole = -(time.seconds + 1);
    return `-${whole}.${String(1_000_000_000 - time.nanos).padStart(9, "0")}`;
  }
  return `${time.seconds}.${String(time.nanos).padStart(9, "0")}`;
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole range is meant
  return /^[\x01-\x7f]*$/.test(text);
}

/** Linux's 64-bit encoding of st_rdev. */
function splitDevice(decimal: string): { major: number; minor: number } {
  const device = BigInt(decimal);
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
