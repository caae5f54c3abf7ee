import type { FileEntry, FileExtras } from "./file-entry.ts";

/** Of each page, so many bytes of its SHA-256 are told. */
export const pageHashBytes = 16;
/** A page ends where a multiple of this ends, counted from the file's beginning. */
export const pageBytes = 4096;

/**
 * One regular file on a machine, open for questions about ranges of it. They are answered in the order in which they were asked, and
 * many may be under way: who asks bounds how much that is in sum. Whatever goes wrong, also a range that is not there, rejects
 * what is asked with a LifeboatError; then the file has to be read whole.
 */
export interface FileRanges {
  readonly extras: FileExtras;
  /** The 32 bytes of the range's SHA-256. */
  hash(offset: number, length: number): Promise<Uint8Array>;
  /** `pageHashBytes` for each page that the range touches, of the part that lies in it. 16 MiB at most. */
  hashPages(offset: number, length: number): Promise<Uint8Array>;
  /** Exactly so many bytes; they belong to the caller. 16 MiB at most. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** After all answers: what has become of the file since it was listed, as the verdict of a `ReadEvent`. */
  finish(): Promise<RangesVerdict>;
  /** Ends the program there; may be called at any time and more than once. */
  close(): void;
}

export interface RangesVerdict {
  readonly verdict: "same" | "changed" | "vanished";
  readonly now?: FileEntry;
}

/** How a machine tells about ranges of files. */
export interface RangeAccess {
  /** Files and their earlier states from so many bytes on are worth it. */
  readonly fromBytes: number;
  /**
   * `knownBytes`: of the earlier state; what lies behind will be read. Gives the reason where it cannot be: the machine has no program
   * for it, or the file is none for it (not there, not regular, mostly holes). Rejects when the connection is lost.
   */
  open(
    entry: FileEntry,
    options: { readonly knownBytes: number; readonly signal: AbortSignal },
  ): Promise<FileRanges | { readonly declined: string }>;
}
