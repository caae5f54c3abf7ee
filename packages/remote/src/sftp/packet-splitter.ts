import { ChunkList } from "../process/chunk-list.ts";

/** An answer to the largest read that is asked for, and a folder's names: OpenSSH sends 256 KiB at most. */
const maxPacketBytes = 512 * 1024;

/** Chunks cut anywhere -> whole packets without their length. Throws a RangeError for a length that no packet has. */
export class PacketSplitter {
  readonly #chunks = new ChunkList();
  #wanted: number | undefined;

  push(chunk: Uint8Array): Buffer[] {
    this.#chunks.push(chunk);
    const packets: Buffer[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#chunks.bytes < 4) return packets;
        this.#wanted = this.#take(4).readUInt32BE(0);
        if (this.#wanted === 0 || this.#wanted > maxPacketBytes) {
          throw new RangeError(`a packet of ${this.#wanted} bytes`);
        }
      }
      if (this.#chunks.bytes < this.#wanted) return packets;
      packets.push(this.#take(this.#wanted));
      this.#wanted = undefined;
    }
  }

  /** Joined once only when all of it is there: a large packet comes in many chunks. */
  #take(length: number): Buffer {
    const taken: Uint8Array[] = [];
    let missing = length;
    for (const chunk of this.#chunks.takeAll()) {
      const part = chunk.subarray(0, missing);
      if (part.length > 0) taken.push(part);
      missing -= part.length;
      this.#chunks.push(chunk.subarray(part.length));
    }
    const only = taken[0];
    if (only === undefined || taken.length > 1) return Buffer.concat(taken);
    return Buffer.from(only.buffer, only.byteOffset, only.length);
  }
}
