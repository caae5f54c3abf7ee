/**
 * Memory for packs and large parts of them that goes round: fresh arrays of 16 MiB cost more time than checking what is in them. It is shared
 * with threads, which V8 does not count: each ArrayBuffer that comes back from a thread would bring the next collection of garbage nearer.
 * So nothing of it may be left lying: whatever was taken is given back.
 */
export interface PackMemory {
  /** At least so many bytes, with any content. */
  take(bytes: number): Uint8Array<SharedArrayBuffer>;
  give(buffer: SharedArrayBuffer): void;
}

/** Less is not worth sharing: many small pieces of it, most of them empty, would take more memory than what is in them. */
export const leastSharedBytes = 128 * 1024;
/** Packs differ in size: rounded up, nearly all fit into each other's memory. */
const sizes = [leastSharedBytes, ...[1, 4, 12, 20].map((mebibytes) => mebibytes * 1024 * 1024)];

/** Of each size never has more than was in use at one time, which is for its user to limit; `sharedRoomFor` says what a piece counts. */
export function createPackMemory(): PackMemory {
  /** Smallest first, so that a small pack does not take what a large one needs. */
  const spare: SharedArrayBuffer[] = [];
  return {
    take(bytes) {
      const fitting = spare.find((buffer) => buffer.byteLength >= bytes);
      // Of those of one size the one that was used last: it is in the processor's cache, and others may never be touched in full.
      const at = spare.findLastIndex((buffer) => buffer.byteLength === fitting?.byteLength);
      if (at === -1) return new Uint8Array(new SharedArrayBuffer(sharedRoomFor(bytes)));
      const [buffer] = spare.splice(at, 1) as [SharedArrayBuffer];
      return new Uint8Array(buffer);
    },
    give(buffer) {
      // Of no usual size: it would hardly fit anybody again.
      if (buffer.byteLength > sizes.at(-1)!) return;
      spare.splice(spare.findLastIndex(({ byteLength }) => byteLength <= buffer.byteLength) + 1, 0, buffer);
    },
  };
}

/** Bytes of memory for a piece of so many. */
export function sharedRoomFor(bytes: number): number {
  const largest = sizes.at(-1)!;
  return sizes.find((size) => size >= bytes) ?? Math.ceil(bytes / largest) * largest;
}
