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

/** Packs differ in size: rounded up, nearly all fit into each other's memory. What is not touched of it costs nothing. */
const mebibyte = 1024 * 1024;
const sizes = [1, 4, 12, 20].map((mebibytes) => mebibytes * mebibyte);

/** Never has more than was in use at one time, which is for its user to limit. */
export function createPackMemory(): PackMemory {
  /** Smallest first, so that a small pack does not take what a large one needs. */
  const spare: SharedArrayBuffer[] = [];
  return {
    take(bytes) {
      const fitting = spare.find((buffer) => buffer.byteLength >= bytes);
      // Of those of one size the one that was used last: it is in the processor's cache, and others may never be touched in full.
      const at = spare.findLastIndex((buffer) => buffer.byteLength === fitting?.byteLength);
      if (at === -1) return new Uint8Array(new SharedArrayBuffer(roomFor(bytes)));
      const [buffer] = spare.splice(at, 1) as [SharedArrayBuffer];
      return new Uint8Array(buffer);
    },
    give(buffer) {
      spare.push(buffer);
      spare.sort((a, b) => a.byteLength - b.byteLength);
    },
  };
}

function roomFor(bytes: number): number {
  const largest = sizes.at(-1)!;
  return sizes.find((size) => size >= bytes) ?? Math.ceil(bytes / largest) * largest;
}
