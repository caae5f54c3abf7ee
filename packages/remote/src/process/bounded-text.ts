/** Keeps the first and the last half of what was written, so that endless complaints cost a fixed amount of memory. */
export class BoundedText {
  readonly #limit: number;
  #head: Buffer = Buffer.alloc(0);
  #tail: Buffer = Buffer.alloc(0);
  #droppedBytes = 0;

  constructor(limitBytes: number) {
    this.#limit = Math.max(2, limitBytes);
  }

  append(bytes: Uint8Array): void {
    const half = this.#limit >>> 1;
    const room = half - this.#head.length;
    const forHead = bytes.subarray(0, Math.max(0, room));
    if (forHead.length > 0) this.#head = Buffer.concat([this.#head, forHead]);
    const rest = bytes.subarray(forHead.length);
    if (rest.length === 0) return;
    const joined = Buffer.concat([this.#tail, rest]);
    const excess = Math.max(0, joined.length - half);
    this.#droppedBytes += excess;
    this.#tail = joined.subarray(excess);
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  toString(): string {
    const gap = this.#droppedBytes > 0 ? `\n... ${this.#droppedBytes} bytes left out ...\n` : "";
    if (gap === "") return Buffer.concat([this.#head, this.#tail]).toString("utf8");
    return this.#head.toString("utf8") + gap + this.#tail.toString("utf8");
  }
}
