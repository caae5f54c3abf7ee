import { ChunkList } from "../process/chunk-list.ts";

/** An answer to the largest read that is asked for, and a folder's names: OpenSSH sends 256 KiB at most. */
const maxPacketBytes = 512 * 1024;
const lengthBytes = 4;

/** Chunks cut anywhere -> whole packets without their length. Throws a RangeError for a length that no packet has. */
export class PacketSplitter {
  readonly #chunks = new ChunkList();
  #wanted: number | undefined;

  push(chunk: Uint8Array): Buffer[] {
    this.#chunks.push(chunk);
    const packets: Buffer[] = [];
    // Joined once only when all of a packet is there: a large one comes in many chunks.
    if (this.#chunks.bytes < (this.#wanted ?? lengthBytes)) return packets;
    const bytes = this.#chunks.takeJoined();
    let at = 0;
    for (;;) {
      if (this.#wanted === undefined) {
        if (bytes.length - at < lengthBytes) break;
        this.#wanted = bytes.readUInt32BE(at);
        if (this.#wanted === 0 || this.#wanted > maxPacketBytes) throw new RangeError(`a packet of ${this.#wanted} bytes`);
        at += lengthBytes;
      }
      if (bytes.length - at < this.#wanted) break;
      packets.push(bytes.subarray(at, at + this.#wanted));
      at += this.#wanted;
      this.#wanted = undefined;
    }
    this.#chunks.push(bytes.subarray(at));
    return packets;
  }
}
