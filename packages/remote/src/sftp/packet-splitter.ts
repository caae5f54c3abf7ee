/** An answer to the largest read that is asked for, and a folder's names: OpenSSH sends 256 KiB at most. */
const maxPacketBytes = 512 * 1024;

/** Chunks cut anywhere -> whole packets without their length. Throws a RangeError for a length that no packet has. */
export class PacketSplitter {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted: number | undefined;

  push(chunk: Uint8Array): Buffer[] {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#bytes += chunk.length;
    const packets: Buffer[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#bytes < 4) return packets;
        this.#wanted = this.#take(4).readUInt32BE(0);
        if (this.#wanted === 0 || this.#wanted > maxPacketBytes) {
          throw new RangeError(`a packet of ${this.#wanted} bytes`);
        }
      }
      if (this.#bytes < this.#wanted) return packets;
      packets.push(this.#take(this.#wanted));
      this.#wanted = undefined;
    }
  }

  /** Joined once only when all of it is there: a large packet comes in many chunks. */
  #take(length: number): Buffer {
    const taken: Buffer[] = [];
    let missing = length;
    let used = 0;
    while (missing > 0) {
      const chunk = this.#chunks[used] as Buffer;
      if (chunk.length <= missing) {
        taken.push(chunk);
        missing -= chunk.length;
        used++;
      } else {
        taken.push(chunk.subarray(0, missing));
        this.#chunks[used] = chunk.subarray(missing);
        missing = 0;
      }
    }
    this.#chunks.splice(0, used);
    this.#bytes -= length;
    return taken.length === 1 ? (taken[0] as Buffer) : Buffer.concat(taken);
  }
}
