/** Memory for packs and large parts of them that goes round: fresh arrays of 16 MiB cost more time than checking what is in them. */
export interface PackMemory {
  /** At least so many bytes, with any content. */
  take(bytes: number): Uint8Array<ArrayBuffer>;
  give(buffer: ArrayBuffer): void;
}

/** Packs differ in size: rounded up, most of them fit into each other's memory. */
const stepBytes = 4 * 1024 * 1024;

/** Keeps so many bytes at most for the next one who takes. */
export function createPackMemory(maxSpareBytes: number): PackMemory {
  const spare: ArrayBuffer[] = [];
  let spareBytes = 0;
  return {
    take(bytes) {
      const fitting = spare.find((buffer) => buffer.byteLength >= bytes);
      // Of those of one size the one that was used last: it is in the processor's cache, and others may never be touched in full.
      const at = spare.findLastIndex((buffer) => buffer.byteLength === fitting?.byteLength);
      if (at === -1)
        return new Uint8Array(new ArrayBuffer(bytes < stepBytes / 4 ? bytes : Math.ceil(bytes / stepBytes) * stepBytes));
      const [buffer] = spare.splice(at, 1) as [ArrayBuffer];
      spareBytes -= buffer.byteLength;
      return new Uint8Array(buffer);
    },
    give(buffer) {
      // Smallest first, so that a small pack does not take what a large one needs.
      spare.push(buffer);
      spare.sort((a, b) => a.byteLength - b.byteLength);
      spareBytes += buffer.byteLength;
      while (spareBytes > maxSpareBytes) spareBytes -= spare.shift()!.byteLength;
    },
  };
}
