/**
 * An exclude pattern as the regular expression (POSIX extended) that `find -regex` matches against the whole path. Anchored,
 * it means the same in JavaScript for bytes (`ByteString`).
 *
 * Without a slash it is matched against the name, at any depth; with one against the path: from the root when it begins
 * with a slash, else from any folder on. `*` and `?` stop at a slash, `**` does not. A slash at the end means folders only
 * and is not part of the expression.
 */
export function globToRegex(glob: string): string {
  const pattern = glob.replace(/\/+$/, "");
  let regex = pattern.startsWith("/") ? "" : ".*/";
  for (let at = 0; at < pattern.length; ) {
    const rest = pattern.slice(at);
    const charClass = /^\[([!^]?)(\]?[^\]]*)\]/.exec(rest);
    if (rest.startsWith("**/")) {
      regex += "(.*/)?";
      at += 3;
    } else if (rest.startsWith("**")) {
      regex += ".*";
      at += 2;
    } else if (rest.startsWith("*")) {
      regex += "[^/]*";
      at += 1;
    } else if (rest.startsWith("?")) {
      regex += "[^/]";
      at += 1;
    } else if (charClass !== null) {
      regex += `[${charClass[1] === "" ? "" : "^"}${charClass[2]}]`;
      at += charClass[0].length;
    } else {
      const escaped = rest.startsWith("\\") && rest.length > 1;
      const literal = escaped ? (rest[1] ?? "") : (rest[0] ?? "");
      regex += /[.[\](){}*+?|^$\\]/.test(literal) ? `\\${literal}` : literal;
      at += escaped ? 2 : 1;
    }
  }
  return regex;
}
