/** OpenSSH's patterns: `*` and `?`. Linear in time: a file on the worker is trusted, but costs nothing to bound. */
export function matchesPattern(glob: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let restart = 0;
  let index = 0;
  while (index < name.length) {
    if (glob[at] === "*") {
      star = at++;
      restart = index;
    } else if (at < glob.length && (glob[at] === "?" || glob[at] === name[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++restart;
    } else return false;
  }
  while (glob[at] === "*") at++;
  return at === glob.length;
}

/** True when one of the patterns matches and none of those behind a `!` does. */
export function matchesPatternList(patterns: readonly string[], name: string): boolean {
  let matched = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith("!");
    if (!matchesPattern(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}
