import type { ByteString } from "@lifeboat/model";

/**
 * Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as far as reading needs them. Names are bytes here, which is why
 * no library does it: those decode them as UTF-8.
 */
export const packetTypes = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  lstat: 7,
  opendir: 11,
  readdir: 12,
  stat: 17,
  readlink: 19,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** A number is a uint32, a bigint a uint64, bytes a string with its length in front. */
export type PacketField = number | bigint | Uint8Array;

/** With the length in front. */
export function encodePacket(type: number, fields: readonly PacketField[]): Buffer {
  const length = fields.reduce<number>((sum, field) => sum + sizeOf(field), 1);
  const packet = Buffer.alloc(4 + length);
  packet.writeUInt32BE(length, 0);
  packet[4] = type;
  let at = 5;
  for (const field of fields) {
    if (typeof field === "number") packet.writeUInt32BE(field, at);
    else if (typeof field === "bigint") packet.writeBigUInt64BE(field, at);
    else {
      packet.writeUInt32BE(field.length, at);
      packet.set(field, at + 4);
    }
    at += sizeOf(field);
  }
  return packet;
}

function sizeOf(field: PacketField): number {
  if (typeof field === "number") return 4;
  return typeof field === "bigint" ? 8 : 4 + field.length;
}

/** What `lstat` and a folder's listing tell; undefined where the server leaves it out. */
export interface SftpAttributes {
  readonly size: number | undefined;
  readonly uid: number;
  readonly gid: number;
  /** st_mode, with the type. */
  readonly mode: number | undefined;
  /** Seconds since 1970, unsigned. */
  readonly mtime: number | undefined;
}

/** Reads the fields of one packet; throws a RangeError when there are fewer bytes than the packet says. */
export class PacketFields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  /** Beyond 2^53 rounded, and no safe integer then: see `sizeProblem`. */
  uint64(): number {
    const value = this.#bytes.readBigUInt64BE(this.#at);
    this.#at += 8;
    return Number(value);
  }

  bytes(): Buffer {
    const length = this.uint32();
    if (length > this.remaining) throw new RangeError("a string longer than its packet");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  name(): ByteString {
    return this.bytes().toString("latin1") as ByteString;
  }

  attributes(): SftpAttributes {
    const flags = this.uint32();
    const size = (flags & 1) !== 0 ? this.uint64() : undefined;
    const [uid, gid] = (flags & 2) !== 0 ? [this.uint32(), this.uint32()] : [0, 0];
    const mode = (flags & 4) !== 0 ? this.uint32() : undefined;
    let mtime: number | undefined;
    if ((flags & 8) !== 0) {
      this.uint32(); // atime
      mtime = this.uint32();
    }
    if ((flags & 0x80000000) !== 0) {
      for (let left = this.uint32(); left > 0; left--) {
        this.bytes();
        this.bytes();
      }
    }
    return { size, uid, gid, mode, mtime };
  }
}
