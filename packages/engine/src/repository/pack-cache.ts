/** The last few packs of folders, whole: trees are read in the order in which they were stored, so one GET serves thousands. */
export class PackCache {
  readonly #packs = new Map<string, Promise<Uint8Array>>();
  readonly #limitPacks: number;

  constructor(limitPacks: number) {
    this.#limitPacks = limitPacks;
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
    loading.catch(() => this.#packs.delete(packId));
    if (this.#packs.size > this.#limitPacks) this.#packs.delete(this.#packs.keys().next().value!);
    return loading;
  }
}
