/** Bounds the table where packs are tiny. */
const maxPacks = 256;

/**
 * The last packs of folders, whole, as many as have `maxBytes`: trees are read in the order in which they were stored, so one GET serves
 * thousands. Packs are 16 MiB; those that checkpoints left are far smaller, and a walk goes back and forth between many of them. Those that
 * are still loading do not count.
 */
export class PackCache {
  readonly #packs = new Map<string, Promise<Uint8Array>>();
  readonly #sizes = new Map<string, number>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(packId: string, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#packs.get(packId);
    if (known !== undefined) {
      this.#packs.delete(packId);
      this.#packs.set(packId, known);
      return known;
    }
    const loading = load();
    this.#packs.set(packId, loading);
    loading.then(
      (pack) => {
        if (this.#packs.get(packId) === loading) this.#count(packId, pack.length);
      },
      () => {
        if (this.#packs.get(packId) === loading) this.#packs.delete(packId);
      },
    );
    return loading;
  }

  /** Its size is known only now; the one that was used last stays however large it is. */
  #count(packId: string, bytes: number): void {
    this.#sizes.set(packId, bytes);
    this.#bytes += bytes;
    for (const [oldest] of this.#packs) {
      if (this.#packs.size <= 1 || (this.#bytes <= this.#maxBytes && this.#packs.size <= maxPacks)) return;
      this.#packs.delete(oldest);
      this.#bytes -= this.#sizes.get(oldest) ?? 0;
      this.#sizes.delete(oldest);
    }
  }
}
