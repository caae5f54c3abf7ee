/** The fields of one ustar header block that Lifeboat uses (POSIX.1-2001, pax Interchange Format). */
export interface TarHeader {
  /** Bytes, latin1; prefix joined. */
  readonly name: string;
  /** The type flag as a character: "0" file, "5" folder, "x" extended header ... */
  readonly type: string;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
}

export const blockBytes = 512;

/** undefined for a block of zeros; throws a plain Error for anything that is no header. */
export function parseTarHeader(block: Buffer, at: number): TarHeader | undefined {
  let sum = 0;
  for (let index = 0; index < blockBytes; index++) sum += block[at + index] as number;
  if (sum === 0) return undefined;
  let checksum = 0;
  for (let index = 148; index < 156; index++) sum += 32 - (block[at + index] as number);
  checksum = octal(block, at + 148, 8);
  if (checksum !== sum) throw new Error("a header's checksum is wrong");
  if (block.toString("latin1", at + 257, at + 262) !== "ustar") throw new Error("a header is not in ustar form");
  const name = text(block, at, 100);
  const prefix = block[at + 345] === 0 ? "" : text(block, at + 345, 155);
  const flag = block[at + 156] as number;
  const type = flag === 0 ? "0" : String.fromCharCode(flag);
  const isDevice = type === "3" || type === "4";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type,
    size: octal(block, at + 124, 12),
    major: isDevice ? octal(block, at + 329, 8) : 0,
    minor: isDevice ? octal(block, at + 337, 8) : 0,
  };
}

function text(block: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return block.toString("latin1", at, end);
}

function octal(block: Buffer, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length; index++) {
    const byte = block[index] as number;
    if (byte === 0 || byte === 32) {
      if (value === 0 && byte === 32) continue;
      break;
    }
    if (byte < 48 || byte > 55) throw new Error("a number in a header is not octal");
    value = value * 8 + byte - 48;
  }
  return value;
}
