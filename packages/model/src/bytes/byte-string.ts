/**
 * Raw bytes held in a string: each UTF-16 unit is one byte, 0-255 ("latin1").
 *
 * File names on Linux are bytes, not text. Held like this they survive unchanged, compare in byte order with `<`,
 * serve as Map keys and cost one byte a character in V8.
 */
export type ByteString = string & { readonly __bytes: true };

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text -> its UTF-8 bytes as a byte string. */
export function byteString(text: string): ByteString {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is the same in both, and the usual case
  if (/^[\x00-\x7f]*$/.test(text)) return text as ByteString;
  return fromBytes(encoder.encode(text));
}

export function fromBytes(bytes: Uint8Array): ByteString {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text as ByteString;
}

export function toBytes(name: ByteString): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let at = 0; at < name.length; at++) bytes[at] = name.charCodeAt(at);
  return bytes;
}

/** The text when the bytes are valid UTF-8, else undefined. */
export function textOf(name: ByteString): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII needs no decoding
  if (/^[\x00-\x7f]*$/.test(name)) return name;
  try {
    return strictDecoder.decode(toBytes(name));
  } catch {
    return undefined;
  }
}

/** For people: valid UTF-8 as it is, everything that could upset a terminal as `\xNN`. */
export function displayName(name: ByteString): string {
  const text = textOf(name);
  const hex = (unit: string) => `\\x${unit.charCodeAt(0).toString(16).padStart(2, "0")}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  if (text === undefined) return name.replace(/[\x00-\x1f\x7f-\xff]/g, hex);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, hex);
}
