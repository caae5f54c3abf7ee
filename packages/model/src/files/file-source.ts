import type { ByteString } from "../bytes/byte-string.ts";
import type { FileEntry, FileExtras } from "./file-entry.ts";
import type { RangeAccess } from "./file-ranges.ts";
import type { LeftOutReason } from "./file-selection.ts";
import type { SourceLoss } from "./source-loss.ts";

/** A part of the source that could not be listed or read as it should. */
export interface SourceProblem {
  readonly path: ByteString;
  /**
   * `unreadable`: refused or broken. `vanished`: listed, then gone. `changed`: kept changing while it was read, what is
   * stored may be torn. `unlisted`: a folder whose content could not be listed.
   */
  readonly kind: "unreadable" | "vanished" | "changed" | "unlisted";
  readonly detail: string;
}

/**
 * What reading yields. `index` is the place in the list that was passed to `read`. Order for one entry:
 * `start`, any number of `data` and `hole`, `end`; the verdicts come after the last content, one for every entry of the list.
 * Entries come in the order of the list, one at a time.
 */
export type ReadEvent =
  | { readonly kind: "start"; readonly index: number; readonly extras: FileExtras }
  | { readonly kind: "data"; readonly index: number; readonly bytes: Uint8Array }
  | { readonly kind: "hole"; readonly index: number; readonly length: number }
  | { readonly kind: "end"; readonly index: number }
  /**
   * The host has complained about something: once at most, as soon as it is known. Until the verdicts come nobody knows about
   * which entry, and what came for it may be zeros in the place of what could not be read.
   */
  | { readonly kind: "doubt" }
  /**
   * `same`: after the read, size, mtime, ctime and inode are still those of the listing. `changed`: they are not, `now`
   * has the entry as it is now: read it again or report it. `vanished`, `unreadable`: nothing usable was read.
   */
  | {
      readonly kind: "verdict";
      readonly index: number;
      readonly verdict: "same" | "changed" | "vanished" | "unreadable";
      readonly now?: FileEntry;
      readonly detail?: string;
    };

/** `changed`: it is no longer what was listed, so that its hash would say nothing. */
export type FileHash =
  | { readonly state: "hashed"; readonly sha256: string }
  | { readonly state: "changed" }
  | { readonly state: "unreadable"; readonly detail: string };

export interface ListOptions {
  readonly signal: AbortSignal;
  readonly problem: (problem: SourceProblem) => void;
  readonly leftOut?: ((entry: FileEntry, reason: LeftOutReason) => void) | undefined;
}

/** Files of one machine, listed once and then read in part. Nothing is written there. */
export interface FileSource {
  /** For people and errors: "/srv/www on web1". */
  readonly name: string;
  /** The source's paths, absolute, as configured. */
  readonly paths: readonly ByteString[];
  /**
   * Depth first: a folder stands before what it holds, and all that is below it comes before anything that is not.
   * Within a folder the order is the host's, not sorted. The folders above a path come first, each once, with `above`.
   * Yields batches. Unlistable parts are reported through `problem` and do not end the listing. With `leftOut` the listing also
   * tells what does not belong to the source, of a folder only itself.
   */
  list(options: ListOptions): AsyncIterable<readonly FileEntry[]>;
  /**
   * Reads entries of any type (only files have content; for the others the extras are what is wanted), one stream,
   * in the order given. Several calls may run at the same time. Breaking off the iteration stops the remote program.
   * The bytes of a `data` event belong to the caller.
   */
  read(entries: readonly FileEntry[], options: { readonly signal: AbortSignal }): AsyncIterable<readonly ReadEvent[]>;
  /** What this way of reading cannot tell, so that a snapshot lacks it; known after the listing. Absent: nothing is lost. */
  lost?(): readonly SourceLoss[];
  /**
   * The bytes of one file from `offset` (less than its listed size) to that size, as `data` of index 0 and one verdict; no `start`
   * and no `end`. Everything but `same` means that the file has to be read whole: it changed, or the host cannot read so.
   * Known after the listing has begun; absent: this way of reading has no such thing.
   */
  readonly readRest?:
    | ((
        entry: FileEntry,
        options: { readonly offset: number; readonly signal: AbortSignal },
      ) => AsyncIterable<readonly ReadEvent[]>)
    | undefined;
  /** Absent where this way of reading has no such thing, or where it was switched off. Known after the listing has begun. */
  readonly ranges?: RangeAccess | undefined;
  /**
   * Hashes of regular files, computed where they are, so that their content is not moved; in the order of the list. Known after the
   * listing has begun; absent: this way of reading has no such thing.
   */
  readonly hash?:
    | ((entries: readonly FileEntry[], options: { readonly signal: AbortSignal }) => Promise<readonly FileHash[]>)
    | undefined;
  /**
   * Only the verdicts, one for each entry as after a `read`: for entries whose content came before a connection broke. Known after the
   * listing has begun; absent: this way of reading has no such thing.
   */
  readonly look?:
    | ((entries: readonly FileEntry[], options: { readonly signal: AbortSignal }) => AsyncIterable<readonly ReadEvent[]>)
    | undefined;
  /** Bytes received from the machine so far, all streams together, as the channel counted them. */
  bytesReceived(): number;
}
