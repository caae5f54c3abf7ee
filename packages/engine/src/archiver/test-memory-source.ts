import { createHash } from "node:crypto";
import {
  byteString,
  type FileEntry,
  type FileRanges,
  type FileSource,
  LifeboatError,
  pageBytes,
  pageHashBytes,
  type ReadEvent,
  rfc3339FromEpoch,
} from "@lifeboat/model";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** A host with one file, "/data/file", that lies in memory: the contract of `FileSource` without a machine, for what goes wrong on purpose. */
export class MemorySource implements FileSource {
  readonly name = "memory";
  readonly paths = [byteString("/data")];
  bytes: Buffer;
  /** Counts up when the file is written to: its times follow. */
  version = 1;
  xattr = "one";
  readonly ranges: FileSource["ranges"];
  /** What was asked and told, since the last listing. */
  pulledBytes = 0;
  wholeReads = 0;
  hashedBytes = 0;
  /** Called before each answer about ranges; gives another answer, or throws. */
  interfere:
    | ((kind: "hash" | "hashPages" | "read" | "finish", answer: Uint8Array, offset: number) => Uint8Array | undefined)
    | undefined;
  declines = false;

  constructor(bytes: Buffer, fromBytes: number | undefined) {
    this.bytes = bytes;
    if (fromBytes !== undefined) {
      this.ranges = {
        fromBytes,
        open: async (entry) => (this.declines ? { declined: "it is said so" } : this.#openRanges(entry)),
      };
    }
  }

  async *list(): AsyncGenerator<readonly FileEntry[]> {
    this.pulledBytes = 0;
    this.wholeReads = 0;
    this.hashedBytes = 0;
    const folder = {
      ...this.entry(),
      path: byteString("/data"),
      type: "dir",
      size: 0,
      mtime: time(0),
      ctime: time(0),
      inode: "1",
    } as const;
    yield [folder, this.entry()];
  }

  async *read(entries: readonly FileEntry[]): AsyncGenerator<readonly ReadEvent[]> {
    for (const [index, entry] of entries.entries()) {
      yield [{ kind: "start", index, extras: entry.type === "file" ? this.#extras() : { xattrs: [] } }];
      if (entry.type === "file") {
        this.wholeReads++;
        const bytes = Buffer.from(this.bytes);
        for (let at = 0; at < bytes.length; at += 300_000) {
          const piece = bytes.subarray(at, at + 300_000);
          this.pulledBytes += piece.length;
          yield [{ kind: "data", index, bytes: piece }];
        }
      }
      yield [{ kind: "end", index }];
    }
    yield entries.map((entry, index) => ({ kind: "verdict", index, ...this.#verdict(entry) }));
  }

  async *readRest(entry: FileEntry, { offset }: { readonly offset: number }): AsyncGenerator<readonly ReadEvent[]> {
    this.pulledBytes += entry.size - offset;
    yield [{ kind: "data", index: 0, bytes: Buffer.from(this.bytes.subarray(offset, entry.size)) }];
    yield [{ kind: "verdict", index: 0, ...this.#verdict(entry) }];
  }

  bytesReceived(): number {
    return this.pulledBytes;
  }

  entry(): FileEntry {
    return {
      path: byteString("/data/file"),
      type: "file",
      mode: 0o644,
      ...{ uid: 1, gid: 1, user: "", group: "" },
      size: this.bytes.length,
      mtime: time(this.version),
      ctime: time(this.version),
      ...{ inode: "2", device: "1", links: 1 },
    };
  }

  #extras() {
    return { xattrs: [{ name: byteString("user.note"), value: Buffer.from(this.xattr) }] };
  }

  #verdict(entry: FileEntry): { verdict: "same" | "changed"; now: FileEntry } {
    if (entry.type !== "file") return { verdict: "same", now: entry };
    const now = this.entry();
    return { verdict: now.ctime === entry.ctime && now.size === entry.size ? "same" : "changed", now };
  }

  #openRanges(entry: FileEntry): FileRanges {
    let isOpen = true;
    const answer = async (
      kind: "hash" | "hashPages" | "read",
      offset: number,
      length: number,
      make: (plain: Buffer) => Uint8Array,
    ) => {
      await Promise.resolve();
      if (!isOpen || offset + length > this.bytes.length) throw new LifeboatError("command-failed", "the program has ended");
      const made = make(Buffer.from(this.bytes.subarray(offset, offset + length)));
      return this.interfere?.(kind, made, offset) ?? made;
    };
    return {
      extras: this.#extras(),
      hash: (offset, length) => {
        this.hashedBytes += length;
        return answer("hash", offset, length, sha256);
      },
      hashPages: (offset, length) =>
        answer("hashPages", offset, length, (plain) => {
          const hashes: Buffer[] = [];
          for (let at = 0; at < length; ) {
            const step = pageBytes - ((offset + at) % pageBytes);
            hashes.push(sha256(plain.subarray(at, at + step)).subarray(0, pageHashBytes));
            at += step;
          }
          return Buffer.concat(hashes);
        }),
      read: (offset, length) => {
        this.pulledBytes += length;
        return answer("read", offset, length, (plain) => plain);
      },
      finish: async () => {
        this.interfere?.("finish", new Uint8Array(), 0);
        return this.#verdict(entry);
      },
      close: () => {
        isOpen = false;
      },
    };
  }
}

function time(version: number) {
  return rfc3339FromEpoch(Date.UTC(2026, 0, 1) / 1000 + version, 0);
}
