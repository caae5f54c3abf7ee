/** Where ids come from; libraries get it as an argument so that tests can repeat what happened. */
export interface Random {
  uuid(): string;
  /** `length` characters of a-z and 2-7 (five random bits each), fit for run ids and database names. */
  token(length: number): string;
  bytes(length: number): Uint8Array;
  /** Whole number, 0 <= n < bound, bound up to 2^32. */
  below(bound: number): number;
}

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** The operating system's source, through the platform's WebCrypto. */
export function systemRandom(): Random {
  const bytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return {
    uuid: () => crypto.randomUUID(),
    bytes,
    token: (length) => Array.from(bytes(length), (byte) => alphabet[byte & 31]).join(""),
    below(bound) {
      // values above the last whole multiple of the bound would make small numbers likelier
      const limit = Math.floor(2 ** 32 / bound) * bound;
      const cell = new Uint32Array(1);
      do crypto.getRandomValues(cell);
      while (cell[0]! >= limit);
      return cell[0]! % bound;
    },
  };
}
