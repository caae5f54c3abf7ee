/** Memory for whole packs that goes round: fresh arrays of 16 MiB cost more time than checking what is in them. */
export interface PackMemory {
  /** At least so many bytes, with any content. */
  take(bytes: number): Uint8Array<ArrayBuffer>;
  give(buffer: ArrayBuffer): void;
}

/** Packs differ in size: rounded up, most of them fit into each other's memory. */
const stepBytes = 4 * 1024 * 1024;
const maxSpare = 8;

export function createPackMemory(): PackMemory {
  const spare: ArrayBuffer[] = [];
  return {
    take(bytes) {
      const at = spare.findIndex((buffer) => buffer.byteLength >= bytes);
      const buffer = at === -1 ? new ArrayBuffer(Math.max(1, Math.ceil(bytes / stepBytes)) * stepBytes) : spare.splice(at, 1)[0]!;
      return new Uint8Array(buffer);
    },
    give(buffer) {
      // Smallest first, so that a small pack does not take what a large one needs.
      spare.push(buffer);
      spare.sort((a, b) => a.byteLength - b.byteLength);
      if (spare.length > maxSpare) spare.shift();
    },
  };
}
