/**
 * The one place where an argument becomes part of a shell's command line.
 *
 * Written so that POSIX shells, fish and csh read the same bytes: everything stands in single quotes, but for the two
 * characters on whose meaning inside single quotes they differ (`'` and `\`), which stand outside behind a backslash.
 * Bytes in, bytes out: a name need not be UTF-8. NUL cannot be passed to any program and is refused.
 */
export function quoteForShell(argument: string | Uint8Array): Buffer {
  const bytes = typeof argument === "string" ? Buffer.from(argument, "utf8") : Buffer.from(argument);
  if (bytes.includes(0)) throw new TypeError("an argument holds a NUL byte");
  const text = bytes.toString("latin1");
  if (/^[A-Za-z0-9_/.:,+@%-]+$/.test(text)) return bytes;
  return Buffer.from(`'${text.replace(/['\\]/g, (special) => `'\\${special}'`)}'`, "latin1");
}
