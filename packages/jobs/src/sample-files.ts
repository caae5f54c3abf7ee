/** Numbers from 0 to 1 that a seed decides; good enough to choose files by, for nothing else (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export type SampleSize = { readonly share: number } | { readonly files: number };

/** So many, whatever share was asked for: one of a hundred files says nothing of a hundred. */
const leastFiles = 10;
/** More would not fit into memory with all that is known of them. */
export const mostSampledFiles = 100_000;

/**
 * A random sample of a stream whose length is not known: each item has the same chance. A share is taken item by item, so that its
 * number varies a little; where that gives too few, a sample of `leastFiles` is taken.
 */
export class Sample<T> {
  readonly #numbers: () => number;
  readonly #share: Reservoir<T> | undefined;
  readonly #shareSize: number;
  readonly #fixed: Reservoir<T>;

  constructor(size: SampleSize, seed: number, most = mostSampledFiles) {
    this.#numbers = seededNumbers(seed);
    this.#shareSize = "share" in size ? size.share : 0;
    this.#share = "share" in size ? new Reservoir(most, this.#numbers) : undefined;
    this.#fixed = new Reservoir("files" in size ? Math.min(size.files, most) : leastFiles, this.#numbers);
  }

  offer(item: T): void {
    this.#fixed.offer(item);
    if (this.#share !== undefined && this.#numbers() < this.#shareSize) this.#share.offer(item);
  }

  get items(): readonly T[] {
    const share = this.#share?.items ?? [];
    return share.length >= this.#fixed.items.length ? share : this.#fixed.items;
  }
}

/** The first `room` items, each replaced by later ones with the chance that is due to them. */
class Reservoir<T> {
  readonly items: T[] = [];
  readonly #room: number;
  readonly #numbers: () => number;
  #seen = 0;

  constructor(room: number, numbers: () => number) {
    this.#room = room;
    this.#numbers = numbers;
  }

  offer(item: T): void {
    this.#seen++;
    if (this.items.length < this.#room) {
      this.items.push(item);
      return;
    }
    const at = Math.floor(this.#numbers() * this.#seen);
    if (at < this.#room) this.items[at] = item;
  }
}
