import type { ByteString, ExtendedAttribute } from "@lifeboat/model";
import type { RestoreItem, RestoreItems, RestoreNode } from "./restore-item.ts";

const pageBytes = 1024 * 1024;
/** A place is the page's number times this, and the byte in the page. */
const placesOfPage = 2 ** 32;
const idBytes = 32;
const fixedBytes = 96;
const has = { content: 1, hardLinkTo: 2, linkTarget: 4, xattrs: 8, device: 16 } as const;

/**
 * Items of a plan as bytes outside of V8's heap, about 150 for a file with one blob: a plan holds millions, and as objects each costs
 * ten times that and is looked at by every garbage collection. What is asked for is made anew each time; `content` when it is read.
 */
export class PackedItems implements RestoreItems {
  readonly #pages: Buffer[];
  readonly #places: number[];
  readonly #texts: SharedTexts;
  #writer: RecordWriter | undefined;

  constructor(pages: Buffer[] = [], places: number[] = [], texts = new SharedTexts()) {
    this.#pages = pages;
    this.#places = places;
    this.#texts = texts;
  }

  get length(): number {
    return this.#places.length;
  }

  /** `writeTo` belongs to what is done with a plan, and is not kept. */
  push({ path, node, hardLinkTo }: RestoreItem): void {
    const writer = this.#room(roomFor(path, node, hardLinkTo));
    this.#places.push((this.#pages.length - 1) * placesOfPage + writer.at);
    const { linkTarget, xattrs, device, content } = node;
    let flags = 0;
    if (content !== undefined) flags |= has.content;
    if (hardLinkTo !== undefined) flags |= has.hardLinkTo;
    if (linkTarget !== undefined) flags |= has.linkTarget;
    if (xattrs !== undefined) flags |= has.xattrs;
    if (device !== undefined) flags |= has.device;
    writer.word(flags);
    writer.word(this.#texts.numberOf(node.type));
    writer.word(this.#texts.numberOf(node.deviceId));
    writer.word(node.mode);
    writer.word(node.uid);
    writer.word(node.gid);
    writer.number(node.size);
    writer.number(node.links);
    writer.bytesOf(path);
    writer.text(node.mtime);
    writer.text(node.links > 1 ? node.inode : "0");
    if (hardLinkTo !== undefined) writer.bytesOf(hardLinkTo);
    if (linkTarget !== undefined) writer.bytesOf(linkTarget);
    if (device !== undefined) writer.text(device);
    if (xattrs !== undefined) {
      writer.word(xattrs.length);
      for (const { name, value } of xattrs) {
        writer.bytesOf(name);
        writer.blob(value);
      }
    }
    if (content !== undefined) {
      writer.word(content.length);
      for (const id of content) writer.id(id);
    }
  }

  at(number: number): RestoreItem {
    const place = this.#places[number];
    if (place === undefined) throw new RangeError(`item ${number} of ${this.#places.length}`);
    const page = Math.floor(place / placesOfPage);
    return readItem(new RecordReader(this.#pages[page]!, place - page * placesOfPage), this.#texts);
  }

  slice(from: number, to: number): RestoreItem[] {
    const end = Math.min(to, this.length);
    return Array.from({ length: Math.max(0, end - from) }, (_, number) => this.at(from + number));
  }

  *[Symbol.iterator](): Generator<RestoreItem> {
    for (let number = 0; number < this.length; number++) yield this.at(number);
  }

  /** The same items in another order. They share the memory: nothing may be pushed any more. */
  inOrder(order: Iterable<number>): PackedItems {
    return new PackedItems(
      this.#pages,
      Array.from(order, (number) => this.#places[number]!),
      this.#texts,
    );
  }

  #room(bytes: number): RecordWriter {
    if (this.#writer !== undefined && this.#writer.left >= bytes) return this.#writer;
    const page = Buffer.allocUnsafeSlow(Math.max(pageBytes, bytes));
    this.#pages.push(page);
    this.#writer = new RecordWriter(page);
    return this.#writer;
  }
}

/** Upper bound of a record's bytes. */
function roomFor(path: ByteString, node: RestoreNode, hardLinkTo: ByteString | undefined): number {
  // Texts take up to three bytes a unit in UTF-8.
  const texts = 3 * (node.mtime.length + node.inode.length + (node.device?.length ?? 0));
  const links = (hardLinkTo?.length ?? 0) + (node.linkTarget?.length ?? 0);
  const attributes = (node.xattrs ?? []).reduce((sum, { name, value }) => sum + 8 + name.length + value.length, 0);
  return fixedBytes + path.length + texts + links + attributes + (node.content?.length ?? 0) * idBytes;
}

function readItem(reader: RecordReader, texts: SharedTexts): RestoreItem {
  const flags = reader.word();
  const [type, deviceId] = [texts.at(reader.word()), texts.at(reader.word())];
  const [mode, uid, gid] = [reader.word(), reader.word(), reader.word()];
  const [size, links] = [reader.number(), reader.number()];
  const path = reader.bytesOf();
  const [mtime, inode] = [reader.text(), reader.text()];
  const hardLinkTo = flags & has.hardLinkTo ? reader.bytesOf() : undefined;
  const linkTarget = flags & has.linkTarget ? reader.bytesOf() : undefined;
  const device = flags & has.device ? reader.text() : undefined;
  const xattrs = flags & has.xattrs ? readAttributes(reader) : undefined;
  const contentAt = flags & has.content ? reader.at : undefined;
  const node: RestoreNode = {
    type,
    mode,
    mtime,
    uid,
    gid,
    size,
    links,
    inode,
    deviceId,
    linkTarget,
    xattrs,
    device,
    get content() {
      return contentAt === undefined ? undefined : new RecordReader(reader.page, contentAt).ids();
    },
  };
  return hardLinkTo === undefined ? { path, node } : { path, node, hardLinkTo };
}

function readAttributes(reader: RecordReader): ExtendedAttribute[] {
  return Array.from({ length: reader.word() }, () => ({ name: reader.bytesOf(), value: reader.blob() }));
}

/** Types and devices: few texts for many items. */
class SharedTexts {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.length;
      this.#texts.push(text);
      this.#numbers.set(text, number);
    }
    return number;
  }

  at(number: number): string {
    return this.#texts[number]!;
  }
}

class RecordWriter {
  readonly #page: Buffer;
  at = 0;

  constructor(page: Buffer) {
    this.#page = page;
  }

  get left(): number {
    return this.#page.length - this.at;
  }

  word(value: number): void {
    this.at = this.#page.writeUInt32LE(value, this.at);
  }

  number(value: number): void {
    this.at = this.#page.writeDoubleLE(value, this.at);
  }

  bytesOf(text: ByteString): void {
    this.word(text.length);
    this.at += this.#page.write(text, this.at, "latin1");
  }

  text(text: string): void {
    const written = this.#page.write(text, this.at + 4, "utf8");
    this.word(written);
    this.at += written;
  }

  blob(bytes: Uint8Array): void {
    this.word(bytes.length);
    this.#page.set(bytes, this.at);
    this.at += bytes.length;
  }

  id(id: string): void {
    this.at += this.#page.write(id, this.at, idBytes, "hex");
  }
}

class RecordReader {
  readonly page: Buffer;
  at: number;

  constructor(page: Buffer, at: number) {
    this.page = page;
    this.at = at;
  }

  word(): number {
    this.at += 4;
    return this.page.readUInt32LE(this.at - 4);
  }

  number(): number {
    this.at += 8;
    return this.page.readDoubleLE(this.at - 8);
  }

  bytesOf(): ByteString {
    const bytes = this.word();
    this.at += bytes;
    return this.page.toString("latin1", this.at - bytes, this.at) as ByteString;
  }

  text(): string {
    const bytes = this.word();
    this.at += bytes;
    return this.page.toString("utf8", this.at - bytes, this.at);
  }

  /** A copy: an item may outlive its plan. */
  blob(): Uint8Array {
    const bytes = this.word();
    this.at += bytes;
    return new Uint8Array(this.page.subarray(this.at - bytes, this.at));
  }

  ids(): string[] {
    const count = this.word();
    const from = this.at;
    return Array.from({ length: count }, (_, number) =>
      this.page.toString("hex", from + number * idBytes, from + (number + 1) * idBytes),
    );
  }
}
