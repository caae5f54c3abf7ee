/**
 * Names come from ids and from listings of foreign stores; one with `..` must never leave the repository's folder.
 * Anything that is refused here is a bug of the caller.
 */
export function checkObjectName(name: string): void {
  if (name.length > 900 || !isSafePath(name)) throw new TypeError(`not an object name: ${JSON.stringify(name.slice(0, 100))}`);
}

/** A prefix is a name, or the beginning of one; "" is everything. */
export function checkPrefix(prefix: string): void {
  if (prefix.length > 900 || (prefix !== "" && !isSafePath(prefix.replace(/\/$/, "")))) {
    throw new TypeError(`not a prefix of object names: ${JSON.stringify(prefix.slice(0, 100))}`);
  }
}

function isSafePath(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL ends a path for the system
  if (/[\x00\\]/.test(path)) return false;
  return path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/** Byte order of UTF-8, the order in which S3 lists. */
export function compareNames(left: string, right: string): number {
  if (left === right) return 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII needs no encoding to be compared
  if (/^[\x00-\x7f]*$/.test(left + right)) return left < right ? -1 : 1;
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
