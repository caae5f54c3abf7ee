/**
 * A streaming check of pg_dump's custom format, versions 1.12 (PostgreSQL 9.0) to 1.16 (17 and 18). The format has no end
 * marker: an archive is whole when every entry of its table of contents that has data was followed by its data block, the
 * last block by its terminator, and that by nothing (pg_backup_custom.c and pg_backup_archiver.c: WriteHead, WriteToc,
 * _StartData, _EndData, _StartBlobs, _EndBlobs).
 */
export interface ArchiveFacts {
  readonly databaseName: string;
  readonly serverVersion: string;
  readonly programVersion: string;
  /** "schema.table", in the order of the table of contents. */
  readonly tables: readonly string[];
}

const blockData = 1;
const blockBlobs = 3;
const offsetNoData = 3;
const oldestMinor = 12;
const newestMinor = 16;
/** A function's body or a view's query; PostgreSQL itself stops at 1 GiB. */
const maxEntryBytes = 64 * 1024 * 1024;

class NeedMore extends Error {}

export class PostgresArchiveCheck {
  #state: "contents" | "block" | "blob" | "length" | "bytes" | "end" = "contents";
  #pending = Buffer.alloc(0);
  #minor = 0;
  #intBytes = 4;
  #offsetBytes = 8;
  #facts: { databaseName: string; serverVersion: string; programVersion: string } | undefined;
  #entriesLeft = -1;
  readonly #tables: string[] = [];
  readonly #expected = new Set<number>();
  #inBlobs = false;
  #bytesLeft = 0;
  /** The number that is being read across chunks: its bytes so far. */
  readonly #field = Buffer.alloc(16);
  #fieldFill = 0;

  /** Throws a plain Error for what is no such archive, or goes on after its end. */
  push(chunk: Uint8Array): void {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    if (this.#state === "contents") {
      if (this.#pending.length > 0) bytes = Buffer.concat([this.#pending, bytes]);
      at = this.#readContents(bytes);
      if (this.#state === "contents") {
        this.#pending = Buffer.from(bytes.subarray(at));
        if (this.#pending.length > maxEntryBytes)
          throw new Error(`an entry of more than ${maxEntryBytes} bytes in its table of contents`);
        return;
      }
      this.#pending = Buffer.alloc(0);
    }
    while (at < bytes.length) at = this.#state === "bytes" ? this.#skipBytes(bytes, at) : this.#readField(bytes, at);
  }

  /** After the last byte; throws when the archive is not whole. */
  finish(): ArchiveFacts {
    if (this.#facts === undefined || this.#state === "contents") throw new Error("the archive ends inside its table of contents");
    if (this.#state !== "end") {
      const missing = this.#expected.size;
      throw new Error(`the archive ends inside its data${missing > 0 ? `, ${missing} data blocks are missing` : ""}`);
    }
    return { ...this.#facts, tables: this.#tables };
  }

  /** Reads whole entries; returns where the first incomplete one begins. */
  #readContents(bytes: Buffer): number {
    const cursor = new Cursor(bytes);
    let whole = 0;
    try {
      if (this.#facts === undefined) {
        this.#facts = this.#readHead(cursor);
        whole = cursor.at;
      }
      cursor.intBytes = this.#intBytes;
      while (this.#entriesLeft > 0) {
        this.#readEntry(cursor);
        this.#entriesLeft--;
        whole = cursor.at;
      }
      this.#nextBlock();
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error;
    }
    return whole;
  }

  #readHead(cursor: Cursor) {
    if (cursor.take(5).toString("latin1") !== "PGDMP") throw new Error("it does not begin with PGDMP");
    const [major, minor] = [cursor.byte(), cursor.byte()];
    cursor.byte();
    if (major !== 1 || minor < oldestMinor || minor > newestMinor) throw new Error(`format ${major}.${minor} is not known`);
    const intBytes = cursor.byte();
    const offsetBytes = cursor.byte();
    if (intBytes < 4 || intBytes > 8 || offsetBytes < 4 || offsetBytes > 8) throw new Error("its header cannot be read");
    if (cursor.byte() !== 1) throw new Error("it is not in the custom format");
    cursor.intBytes = intBytes;
    if (minor >= 15) cursor.byte();
    else cursor.int();
    for (let field = 0; field < 7; field++) cursor.int();
    const databaseName = cursor.text();
    const serverVersion = cursor.text();
    const programVersion = cursor.text();
    const entries = cursor.int();
    if (entries < 0) throw new Error("its table of contents cannot be read");
    this.#minor = minor;
    this.#intBytes = intBytes;
    this.#offsetBytes = offsetBytes;
    this.#entriesLeft = entries;
    return { databaseName, serverVersion, programVersion };
  }

  #readEntry(cursor: Cursor): void {
    const id = cursor.int();
    cursor.int(); // whether it has data; the offset's flag below says it too
    cursor.skipText(); // catalog's oid
    cursor.skipText(); // object's oid
    const tag = cursor.text();
    const description = cursor.text();
    cursor.int(); // section
    for (let field = 0; field < 3; field++) cursor.skipText(); // definition, drop and copy statements
    const schema = cursor.text();
    cursor.skipText(); // tablespace
    if (this.#minor >= 14) cursor.skipText(); // access method
    if (this.#minor >= 16) cursor.int(); // kind of relation
    cursor.skipText(); // owner
    cursor.skipText(); // with oids
    while (cursor.skipText()); // dependencies, ended by null
    const flag = cursor.byte();
    cursor.take(this.#offsetBytes);
    if (id <= 0) throw new Error("its table of contents cannot be read");
    if (flag !== offsetNoData) this.#expected.add(id);
    if (description === "TABLE") this.#tables.push(schema === "" ? tag : `${schema}.${tag}`);
  }

  #nextBlock(): void {
    this.#state = this.#expected.size === 0 ? "end" : "block";
    this.#fieldFill = 0;
  }

  /** One number, or a block's type and number. The usual case, a length inside one chunk, is read in place. */
  #readField(bytes: Buffer, start: number): number {
    if (this.#state === "end") throw new Error("it goes on after its end");
    const size = this.#intBytes + (this.#state === "block" ? 2 : 1);
    if (this.#fieldFill === 0 && bytes.length - start >= size) {
      this.#take(bytes, start, size);
      return start + size;
    }
    const taken = Math.min(size - this.#fieldFill, bytes.length - start);
    bytes.copy(this.#field, this.#fieldFill, start, start + taken);
    this.#fieldFill += taken;
    if (this.#fieldFill === size) {
      this.#fieldFill = 0;
      this.#take(this.#field, 0, size);
    }
    return start + taken;
  }

  #take(bytes: Buffer, start: number, size: number): void {
    const number = readInt(bytes, start + size - this.#intBytes - 1, this.#intBytes);
    if (this.#state === "block") {
      const type = bytes[start];
      if (type !== blockData && type !== blockBlobs) throw new Error(`a data block of the unknown type ${type}`);
      if (!this.#expected.delete(number)) throw new Error(`a data block ${number} that its table of contents does not name`);
      this.#inBlobs = type === blockBlobs;
      this.#state = this.#inBlobs ? "blob" : "length";
    } else if (this.#state === "blob") {
      // The number is the large object's; 0 ends the block.
      if (number === 0) this.#nextBlock();
      else this.#state = "length";
    } else if (number === 0) {
      if (this.#inBlobs) this.#state = "blob";
      else this.#nextBlock();
    } else {
      if (number < 0) throw new Error("a data block of negative length");
      this.#bytesLeft = number;
      this.#state = "bytes";
    }
  }

  #skipBytes(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + this.#bytesLeft);
    this.#bytesLeft -= end - start;
    if (this.#bytesLeft === 0) this.#state = "length";
    return end;
  }
}

/** A sign byte, then the magnitude, least byte first. */
function readInt(bytes: Buffer, at: number, size: number): number {
  let value = 0;
  for (let index = size; index > 0; index--) value = value * 256 + (bytes[at + index] as number);
  if (!Number.isSafeInteger(value)) throw new Error("a number of impossible size");
  return bytes[at] === 0 ? value : -value;
}

class Cursor {
  at = 0;
  intBytes = 4;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(count: number): Buffer {
    if (count > maxEntryBytes) throw new Error("a text of impossible length in its table of contents");
    if (this.#bytes.length - this.at < count) throw new NeedMore();
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  byte(): number {
    return this.take(1)[0] as number;
  }

  int(): number {
    const bytes = this.take(this.intBytes + 1);
    return readInt(bytes, 0, this.intBytes);
  }

  /** Empty for null. */
  text(): string {
    const length = this.int();
    return length <= 0 ? "" : this.take(length).toString("utf8");
  }

  /** False for null. */
  skipText(): boolean {
    const length = this.int();
    if (length > 0) this.take(length);
    return length >= 0;
  }
}
