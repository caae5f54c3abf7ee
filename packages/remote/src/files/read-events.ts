import type { FileEntry, FileExtras, ReadEvent } from "@lifeboat/model";
import { sizeProblem } from "./storable-size.ts";
import type { TarEntry, TarListener } from "./tar-reader/tar-reader.ts";

const gibibyte = 1024 ** 3;
/**
 * More than this of what nobody wants is not waited for. Not less: a complaint about an entry before it may come a little later than
 * its bytes (a pipe holds 64 KiB, and sshd empties both pipes in one round), and has come by then.
 */
const maxDroppedBytes = 2 * 1024 * 1024;

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
  #isOpen = false;
  #droppedBytes = 0;
  readonly #refusals = new Map<number, string>();

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

  /** Why its content was not taken: it cannot be stored, or is out of all proportion to what was listed. */
  refusalOf(index: number): string | undefined {
    return this.#refusals.get(index);
  }

  /** The current entry has data without end, or nearly, that nobody wants: end this archive and ask another for what is left. */
  get isStuck(): boolean {
    return this.#droppedBytes > maxDroppedBytes;
  }

  /** At the end of an archive, also before its time: the current entry gets no more. Gives those behind it. */
  leaveArchive(): readonly FileEntry[] {
    if (this.#isOpen) this.end();
    this.#droppedBytes = 0;
    return this.#entries.slice(this.#next);
  }

  entry(tarEntry: TarEntry): boolean {
    this.#passTo(tarEntry.path);
    const index = this.#next++;
    const listed = this.#entries[index];
    if (listed === undefined) throw new Error("an entry that is not in the list, or twice");
    this.#current = index;
    this.#droppedBytes = 0;
    this.#wantsData = false;
    const refusal = listed.type === "file" ? refusalFor(listed, tarEntry.size) : undefined;
    if (refusal !== undefined) {
      this.#refusals.set(index, refusal);
      return false;
    }
    this.#seen[index] = 1;
    this.#isOpen = true;
    // Another type than listed: it was replaced meanwhile. The check after the read says so; its content is not this one's.
    this.#wantsData = tarEntry.type === "0" && listed.type === "file";
    this.#events.push({ kind: "start", index, extras: extrasOf(tarEntry) });
    return this.#wantsData;
  }

  data(bytes: Buffer): void {
    if (this.#wantsData) this.#events.push({ kind: "data", index: this.#current, bytes });
    else this.#droppedBytes += bytes.length;
  }

  hole(length: number): void {
    if (this.#wantsData) this.#events.push({ kind: "hole", index: this.#current, length });
  }

  end(): void {
    if (this.#isOpen) this.#events.push({ kind: "end", index: this.#current });
    this.#isOpen = false;
  }

  /** After the archive: what stands behind the last entry. */
  finish(): void {
    this.#passTo(undefined);
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

/**
 * A file may grow after it was listed, but a hostile host must not send without end, and anybody can make a sparse file of any size: such a
 * one costs itself and not the run. Has it really grown, the check after the read says so, and it is read again by its new size.
 */
function refusalFor({ path, size: listed }: FileEntry, size: number): string | undefined {
  const tooLarge = sizeProblem({ path, size });
  if (tooLarge !== undefined) return tooLarge.detail;
  const isPossible = size <= Math.max(2 * listed, listed + gibibyte);
  return isPossible ? undefined : `tar claims ${size} bytes of it, and it has ${listed}`;
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
