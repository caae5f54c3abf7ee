import type { FileEntry, FileExtras, ReadEvent } from "@lifeboat/model";
import { displayName } from "@lifeboat/model";
import type { TarEntry, TarListener } from "./tar-reader/tar-reader.ts";

const gibibyte = 1024 ** 3;

/**
 * Turns tar's entries into events for the places of a list. tar keeps the order of the list and leaves out what it cannot
 * read, so that the list is walked once.
 */
export class ReadEvents implements TarListener {
  readonly #entries: readonly FileEntry[];
  readonly #seen: Uint8Array;
  #events: ReadEvent[] = [];
  #next = 0;
  #current = 0;
  #wantsData = false;
  #dataBytes = 0;
  #holeBytes = 0;
  #maxDataBytes = 0;
  #maxHoleBytes = 0;

  constructor(entries: readonly FileEntry[]) {
    this.#entries = entries;
    this.#seen = new Uint8Array(entries.length);
  }

  /** The events since the last call. */
  take(): ReadEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  wasRead(index: number): boolean {
    return this.#seen[index] === 1;
  }

  entry(tarEntry: TarEntry): void {
    this.#passTo(tarEntry.path);
    const index = this.#next++;
    const listed = this.#entries[index];
    if (listed === undefined) throw new Error("an entry that is not in the list, or twice");
    this.#current = index;
    this.#seen[index] = 1;
    // Another type than listed: it was replaced meanwhile. The check after the read says so; its content is not this one's.
    this.#wantsData = tarEntry.type === "0" && listed.type === "file";
    this.#dataBytes = 0;
    this.#holeBytes = 0;
    // A file may grow after it was listed, but a stream from a hostile host must not grow without end.
    this.#maxHoleBytes = listed.size + gibibyte;
    this.#maxDataBytes = Math.max(2 * listed.size, this.#maxHoleBytes);
    this.#events.push({ kind: "start", index, extras: extrasOf(tarEntry) });
  }

  data(bytes: Buffer): void {
    if (!this.#wantsData) return;
    this.#dataBytes += bytes.length;
    if (this.#dataBytes > this.#maxDataBytes) throw new Error(`more data than a file of ${this.#listedSize()} can have`);
    this.#events.push({ kind: "data", index: this.#current, bytes });
  }

  hole(length: number): void {
    if (!this.#wantsData) return;
    this.#holeBytes += length;
    if (this.#holeBytes > this.#maxHoleBytes) throw new Error(`larger holes than a file of ${this.#listedSize()} can have`);
    this.#events.push({ kind: "hole", index: this.#current, length });
  }

  end(): void {
    this.#events.push({ kind: "end", index: this.#current });
  }

  /** After the archive: what stands behind the last entry. */
  finish(): void {
    this.#passTo(undefined);
  }

  #listedSize(): string {
    const { path, size } = this.#entries[this.#current] as FileEntry;
    return `${size} bytes (${displayName(path)})`;
  }

  /** Sockets cannot be archived and are not asked for: they pass in their place, without extras. */
  #passTo(path: string | undefined): void {
    for (; this.#next < this.#entries.length; this.#next++) {
      const entry = this.#entries[this.#next] as FileEntry;
      if (entry.path === path) return;
      if (entry.type !== "socket") continue;
      this.#seen[this.#next] = 1;
      this.#events.push({ kind: "start", index: this.#next, extras: noExtras }, { kind: "end", index: this.#next });
    }
  }
}

const noExtras: FileExtras = { xattrs: [] };

function extrasOf(entry: TarEntry): FileExtras {
  if (entry.type !== "3" && entry.type !== "4") return entry.xattrs.length === 0 ? noExtras : { xattrs: entry.xattrs };
  return { xattrs: entry.xattrs, deviceNumber: encodeDeviceNumber(entry.major, entry.minor) };
}

/** Linux's 64-bit st_rdev (glibc's makedev), decimal. */
export function encodeDeviceNumber(major: number, minor: number): string {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return `${((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)}`;
}
