import type { ByteString, FileEntry, FileType, LeftOutReason } from "@lifeboat/model";
import { displayName, LifeboatError, rfc3339FromEpoch } from "@lifeboat/model";
import { leftOutMarks } from "./list-command.ts";

/** Buffer's own name for the fast path; the types leave it out. */
type Latin1Buffer = Buffer & { latin1Slice(start: number, end: number): string };

const types: Readonly<Record<string, FileType>> = {
  f: "file",
  d: "dir",
  l: "symlink",
  b: "dev",
  c: "chardev",
  p: "fifo",
  s: "socket",
};
const reasons = new Map(Object.entries(leftOutMarks).map(([reason, mark]) => [mark.charCodeAt(0), reason as LeftOutReason]));
/** find walks trees deeper than PATH_MAX; nothing real comes near this. */
const maxRecordBytes = 256 * 1024;
const maxShownBytes = 4096;

/**
 * Records as `find -printf` writes them (see remote-commands) into entries, from chunks cut anywhere. Works on the bytes,
 * because a string for every field of a million entries is what would cost. Owners' names come from OwnerNames.
 */
export class ListingParser {
  readonly #place: string;
  readonly #leftOut: ((entry: FileEntry, reason: LeftOutReason) => void) | undefined;
  #carry: Latin1Buffer | undefined;
  /** Of the last record, for messages. */
  #path = "" as ByteString;

  /** `place`: for messages, "/srv on web1". `leftOut` is told of records with a mark, which are no entries. */
  constructor(place: string, leftOut?: (entry: FileEntry, reason: LeftOutReason) => void) {
    this.#place = place;
    this.#leftOut = leftOut;
  }

  push(chunk: Uint8Array): FileEntry[] {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) as Latin1Buffer;
    if (this.#carry !== undefined) bytes = Buffer.concat([this.#carry, bytes]) as Latin1Buffer;
    const entries: FileEntry[] = [];
    let at = 0;
    for (;;) {
      const numbersEnd = bytes.indexOf(0, at);
      const pathEnd = numbersEnd < 0 ? -1 : bytes.indexOf(0, numbersEnd + 1);
      const linkEnd = pathEnd < 0 ? -1 : bytes.indexOf(0, pathEnd + 1);
      if (linkEnd < 0) break;
      const reason = this.#leftOut && reasons.get(bytes[at] ?? 0);
      if (reason === undefined) entries.push(this.#entry(bytes, at, numbersEnd, pathEnd, linkEnd));
      else this.#leftOut?.(this.#entry(bytes, at + 1, numbersEnd, pathEnd, linkEnd), reason);
      at = linkEnd + 1;
    }
    if (bytes.length - at > maxRecordBytes) this.#garbage(`a record of more than ${maxRecordBytes} bytes`, "after");
    this.#carry = at < bytes.length ? (Buffer.from(bytes.subarray(at)) as Latin1Buffer) : undefined;
    return entries;
  }

  /** Throws when the output ended inside a record. */
  end(): void {
    if (this.#carry !== undefined) this.#garbage("output that ends inside a record", "after");
  }

  #entry(bytes: Latin1Buffer, start: number, numbersEnd: number, pathEnd: number, linkEnd: number): FileEntry {
    const path = bytes.latin1Slice(numbersEnd + 1, pathEnd) as ByteString;
    this.#path = path;
    if (numbersEnd - start > 400) this.#garbage("numbers of impossible length");
    const fields = bytes.latin1Slice(start, numbersEnd).split(" ");
    if (fields.length !== 10) this.#garbage(`a record with ${fields.length} numbers instead of 10`);
    const type = types[fields[0] ?? ""] ?? this.#garbage(`a file of the unknown type "${fields[0]}"`);
    if (path.charCodeAt(0) !== 47) this.#garbage("a path that is not absolute");
    const entry = {
      path,
      type,
      mode: this.#mode(fields[1]),
      uid: this.#number(fields[2]),
      gid: this.#number(fields[3]),
      user: "",
      group: "",
      size: type === "file" ? this.#size(fields[4]) : 0,
      mtime: this.#time(fields[5]),
      ctime: this.#time(fields[6]),
      inode: this.#digits(fields[7]),
      device: this.#digits(fields[8]),
      links: this.#number(fields[9]),
    };
    if (type !== "symlink") return entry;
    return { ...entry, linkTarget: bytes.latin1Slice(pathEnd + 1, linkEnd) as ByteString };
  }

  /** Any that a host's clock can hold: years that a snapshot cannot name are clamped, as restic does. */
  #time(field = "") {
    if (!/^-?[0-9]{1,20}(\.[0-9]+)?$/.test(field)) this.#garbage("a time that is none");
    const dot = field.indexOf(".");
    // Ten digits; the tenth is always 0. A negative time has its seconds rounded down and a positive fraction.
    const nanos = dot < 0 ? 0 : Number(field.slice(dot + 1, dot + 10).padEnd(9, "0"));
    return rfc3339FromEpoch(Number(dot < 0 ? field : field.slice(0, dot)), nanos);
  }

  #number(field = ""): number {
    const value = Number(this.#digits(field));
    return Number.isSafeInteger(value) ? value : this.#garbage("a number that is none");
  }

  /** Beyond 2^53 rounded, and no safe integer then: see `sizeProblem`. */
  #size(field = ""): number {
    const value = Number(this.#digits(field));
    return value < 2 ** 64 ? value : this.#garbage("a size that no file has");
  }

  #digits(field = ""): string {
    return /^[0-9]{1,20}$/.test(field) ? field : this.#garbage("a number that is none");
  }

  #mode(field = ""): number {
    const mode = Number.parseInt(field, 8);
    return mode >= 0 && mode <= 0o7777 ? mode : this.#garbage("a mode that is none");
  }

  #garbage(what: string, where: "at" | "after" = "at"): never {
    const path = this.#path === "" ? "" : ` ${where} ${displayName(this.#path.slice(0, maxShownBytes) as ByteString)}`;
    throw new LifeboatError("host-garbage", `the listing of ${this.#place} holds ${what}${path}`);
  }
}
