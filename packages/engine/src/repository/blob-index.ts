import type { BlobType, IndexedPack, PackedBlob } from "../format/index.ts";

/** Where a blob lies. */
export interface BlobLocation extends PackedBlob {
  readonly packId: string;
}

const segmentRecords = 65_536;
const wordsPerRecord = 12; // id 8, pack, offset, length, uncompressed length
const treeBit = 0x80000000;
const pendingPack = 0x7fffffff;

/**
 * All blobs of a repository in typed arrays: 48 bytes a record and at most 8 in the table of slots, so about 56 bytes a blob;
 * a Map of strings takes several hundred and ends at 16 million.
 *
 * Open addressing with linear probing; the first eight bytes of an id are random already. A blob may be listed in several
 * packs (legal): each has its record, the first is found first.
 */
export class BlobIndex {
  #slots = new Uint32Array(1 << 12);
  readonly #segments: Uint32Array[] = [];
  #count = 0;
  readonly #packs: string[] = [];
  readonly #packNumbers = new Map<string, number>();
  readonly #idWords = new Uint32Array(8);

  /** Records, duplicates included. */
  get size(): number {
    return this.#count;
  }

  /** Ids of all packs that an index names. */
  get packIds(): readonly string[] {
    return this.#packs;
  }

  hasPack(id: string): boolean {
    return this.#packNumbers.has(id);
  }

  get memoryBytes(): number {
    return this.#slots.byteLength + this.#segments.length * segmentRecords * wordsPerRecord * 4;
  }

  addPack(pack: IndexedPack): void {
    const number = this.#packNumber(pack.id);
    for (const blob of pack.blobs) {
      setIdWords(this.#idWords, blob.id);
      const record = this.#append(this.#idWords);
      this.#fill(record, number, blob);
    }
  }

  /** True when the blob was not known; it is then held as pending, so that the next one of the same content is known. */
  claim(id: string, type: BlobType): boolean {
    setIdWords(this.#idWords, id);
    if (this.#find(this.#idWords, type) !== -1) return false;
    const record = this.#append(this.#idWords);
    const [segment, at] = this.#place(record);
    segment[at + 8] = pendingPack + (type === "tree" ? treeBit : 0);
    return true;
  }

  /** The claimed blobs of a pack are stored now. */
  settle(pack: IndexedPack): void {
    const number = this.#packNumber(pack.id);
    for (const blob of pack.blobs) {
      setIdWords(this.#idWords, blob.id);
      const record = this.#findPending(this.#idWords);
      this.#fill(record === -1 ? this.#append(this.#idWords) : record, number, blob);
    }
  }

  /** True for stored and for pending blobs. */
  has(id: string, type: BlobType): boolean {
    setIdWords(this.#idWords, id);
    return this.#find(this.#idWords, type) !== -1;
  }

  /** undefined when unknown or still pending. */
  locate(id: string, type?: BlobType): BlobLocation | undefined {
    setIdWords(this.#idWords, id);
    // Asked for each blob of a restore: without the list and the generator of `locateAll`.
    const mask = this.#slots.length - 1;
    for (let slot = this.#idWords[0]! & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const record = this.#slots[slot]! - 1;
      const location = this.#equals(record, this.#idWords) ? this.#read(record, id) : undefined;
      if (location !== undefined && (type === undefined || location.type === type)) return location;
    }
    return undefined;
  }

  /** Every copy, for when the first one cannot be read. */
  locateAll(id: string, type?: BlobType): BlobLocation[] {
    setIdWords(this.#idWords, id);
    const found: BlobLocation[] = [];
    for (const record of this.#probe(this.#idWords)) {
      const location = this.#read(record, id);
      if (location !== undefined && (type === undefined || location.type === type)) found.push(location);
    }
    return found;
  }

  /** All stored records in the order in which they were added. */
  *entries(): Generator<BlobLocation> {
    for (let record = 0; record < this.#count; record++) {
      const [segment, at] = this.#place(record);
      const location = this.#read(record, idText(segment, at));
      if (location !== undefined) yield location;
    }
  }

  #packNumber(id: string): number {
    let number = this.#packNumbers.get(id);
    if (number === undefined) {
      number = this.#packs.length;
      this.#packs.push(id);
      this.#packNumbers.set(id, number);
    }
    return number;
  }

  #place(record: number): [Uint32Array, number] {
    return [this.#segments[(record / segmentRecords) | 0]!, (record % segmentRecords) * wordsPerRecord];
  }

  #read(record: number, id: string): BlobLocation | undefined {
    const [segment, at] = this.#place(record);
    const pack = segment[at + 8]!;
    const number = pack & 0x7fffffff;
    if (number === pendingPack) return undefined;
    return {
      id,
      packId: this.#packs[number]!,
      type: pack >= treeBit ? "tree" : "data",
      offset: segment[at + 9]!,
      length: segment[at + 10]!,
      uncompressedLength: segment[at + 11]!,
    };
  }

  #fill(record: number, packNumber: number, blob: PackedBlob): void {
    const [segment, at] = this.#place(record);
    segment[at + 8] = packNumber + (blob.type === "tree" ? treeBit : 0);
    segment[at + 9] = blob.offset;
    segment[at + 10] = blob.length;
    segment[at + 11] = blob.uncompressedLength;
  }

  #append(id: Uint32Array): number {
    if ((this.#count + 1) * 1.5 > this.#slots.length) this.#grow();
    const record = this.#count++;
    if (record % segmentRecords === 0) this.#segments.push(new Uint32Array(segmentRecords * wordsPerRecord));
    const [segment, at] = this.#place(record);
    segment.set(id, at);
    this.#insertSlot(id[0]!, record);
    return record;
  }

  #insertSlot(hash: number, record: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = record + 1;
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let record = 0; record < this.#count; record++) {
      const [segment, at] = this.#place(record);
      this.#insertSlot(segment[at]!, record);
    }
  }

  *#probe(id: Uint32Array): Generator<number> {
    const wanted = id.slice();
    const mask = this.#slots.length - 1;
    for (let slot = wanted[0]! & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const record = this.#slots[slot]! - 1;
      if (this.#equals(record, wanted)) yield record;
    }
  }

  #equals(record: number, id: Uint32Array): boolean {
    const [segment, at] = this.#place(record);
    for (let word = 0; word < 8; word++) if (segment[at + word] !== id[word]) return false;
    return true;
  }

  #find(id: Uint32Array, type: BlobType): number {
    const mask = this.#slots.length - 1;
    for (let slot = id[0]! & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const record = this.#slots[slot]! - 1;
      const [segment, at] = this.#place(record);
      if (segment[at] === id[0] && segment[at + 8]! >= treeBit === (type === "tree") && this.#equals(record, id)) return record;
    }
    return -1;
  }

  #findPending(id: Uint32Array): number {
    for (const record of this.#probe(id)) {
      const [segment, at] = this.#place(record);
      if ((segment[at + 8]! & 0x7fffffff) === pendingPack) return record;
    }
    return -1;
  }
}

/** The value of a hexadecimal digit by its character code. */
const hexValues = Uint8Array.from({ length: 128 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

function setIdWords(words: Uint32Array, id: string): void {
  for (let word = 0; word < 8; word++) {
    let value = 0;
    for (let at = word * 8; at < word * 8 + 8; at++) value = (value << 4) | hexValues[id.charCodeAt(at)]!;
    words[word] = value;
  }
}

function idText(segment: Uint32Array, at: number): string {
  let text = "";
  for (let word = 0; word < 8; word++) text += segment[at + word]!.toString(16).padStart(8, "0");
  return text;
}
