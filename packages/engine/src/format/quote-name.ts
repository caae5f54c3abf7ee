import { type ByteString, byteString, textOf } from "@lifeboat/model";

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const shortEscapes: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** A name's bytes -> Go's strconv.Quote without the outer quotes (repository-format 1.11.4), before JSON escaping. */
export function quoteName(name: ByteString): string {
  if (plain.test(name)) return name;
  const whole = textOf(name);
  if (whole !== undefined) return Array.from(whole, quoteRune).join("");
  let quoted = "";
  for (let at = 0; at < name.length; ) {
    const length = runeLength(name, at);
    if (length === 0) {
      quoted += hexEscape(name.charCodeAt(at));
      at++;
    } else {
      quoted += quoteRune(textOf(name.slice(at, at + length) as ByteString)!);
      at += length;
    }
  }
  return quoted;
}

/** Bytes of the valid UTF-8 rune that begins at `at`; 0 when none does. */
function runeLength(name: ByteString, at: number): number {
  const first = name.charCodeAt(at);
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > name.length) return 0;
  return textOf(name.slice(at, at + length) as ByteString) === undefined ? 0 : length;
}

function hexEscape(unit: number): string {
  return `\\x${unit.toString(16).padStart(2, "0")}`;
}

function quoteRune(rune: string): string {
  const short = shortEscapes[rune];
  if (short !== undefined) return short;
  if (printable.test(rune)) return rune;
  const point = rune.codePointAt(0)!;
  if (point < 0x20 || point === 0x7f) return hexEscape(point);
  if (point < 0x10000) return `\\u${point.toString(16).padStart(4, "0")}`;
  return `\\U${point.toString(16).padStart(8, "0")}`;
}

const unescapes: Record<string, number> = { '"': 34, "\\": 92, a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** The reverse; undefined where restic would refuse the text as well. */
export function unquoteName(quoted: string): ByteString | undefined {
  if (plain.test(quoted)) return quoted as ByteString;
  const parts: string[] = [];
  const pattern = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(["\\abfnrtv]))|([^\\"\n]+)/gy;
  while (pattern.lastIndex < quoted.length) {
    const match = pattern.exec(quoted);
    if (match === null) return undefined;
    const [, hex, small, large, octal, letter, text] = match;
    if (text !== undefined) parts.push(byteString(text));
    else if (hex !== undefined) parts.push(String.fromCharCode(Number.parseInt(hex, 16)));
    else if (letter !== undefined) parts.push(String.fromCharCode(unescapes[letter]!));
    else if (octal !== undefined) {
      const value = Number.parseInt(octal, 8);
      if (value > 255) return undefined;
      parts.push(String.fromCharCode(value));
    } else {
      const point = Number.parseInt((small ?? large)!, 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
      parts.push(byteString(String.fromCodePoint(point)));
    }
  }
  return parts.join("") as ByteString;
}

/** Text as Go's encoding/json writes it, quotes included (repository-format 1.11.2). */
export function goJsonString(text: string): string {
  const json = JSON.stringify(text.isWellFormed() ? text : text.toWellFormed());
  return /[<>&\u2028\u2029]/.test(json)
    ? json.replace(/[<>&\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : json;
}

/**
 * Bytes as Go's encoding/json writes a string of them: each byte that is not UTF-8 becomes the six characters of the escape
 * for U+FFFD, while a true U+FFFD stands as it is. Used where the format has no other way, or has the raw bytes beside it.
 */
export function goJsonBytes(bytes: ByteString): string {
  const whole = textOf(bytes);
  if (whole !== undefined) return goJsonString(whole);
  let json = "";
  for (let at = 0; at < bytes.length; ) {
    const length = runeLength(bytes, at);
    json += length === 0 ? "\\ufffd" : goJsonString(textOf(bytes.slice(at, at + length) as ByteString)!).slice(1, -1);
    at += Math.max(length, 1);
  }
  return `"${json}"`;
}
