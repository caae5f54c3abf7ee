import type { Place } from "./config-problem.ts";

const widest = 120;

export interface ShownLine {
  readonly text: string;
  /** Where in `text` the place begins, and how wide it is there. */
  readonly caretAt: number;
  readonly caretWidth: number;
}

/** One source line for a message: secrets as ***, control characters as ?, cut to the part around the place. */
export function shownLine(line: string, place: Place, secrets: readonly (readonly [number, number])[]): ShownLine {
  const masks = [...secrets, ...likelySecrets(line)].sort((left, right) => left[0] - right[0]);
  const shownAt: number[] = [];
  let text = "";
  for (let at = 0; at < line.length; at++) {
    shownAt[at] = text.length;
    const mask = masks.find(([start, end]) => start <= at && at < end);
    if (mask === undefined)
      text += line[at]! < " " || (line[at]! >= "\u007f" && line[at]! <= "\u009f") ? (line[at] === "\t" ? " " : "?") : line[at];
    else if (at === mask[0] || shownAt[at - 1] === undefined || !masks.some(([start, end]) => start <= at - 1 && at - 1 < end))
      text += "***";
  }
  const start = shownAt[place.column - 1] ?? text.length;
  const end = Math.max(start + 1, shownAt[place.endColumn - 1] ?? text.length);
  if (text.length <= widest) return { text, caretAt: start, caretWidth: end - start };
  const from = Math.max(0, Math.min(start - 40, text.length - widest));
  const before = from > 0 ? "..." : "";
  const cut = text.slice(from, from + widest);
  const after = from + widest < text.length ? "..." : "";
  const width = Math.min(end - start, from + widest - start);
  return { text: `${before}${cut}${after}`, caretAt: before.length + start - from, caretWidth: width };
}

/** A secret under a mistyped key is a secret too. */
function likelySecrets(line: string): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  for (const match of line.matchAll(/[\w-]*(?:pas+w|passphrase|secret|token|api_?key|credential)[\w-]*["']?\s*:\s*/gi)) {
    const start = match.index + match[0].length;
    const rest = line.slice(start);
    if (rest === "" || /^[{[|>#]/.test(rest)) continue;
    // Inside { } a plain value ends at a comma or brace; in a line of its own it goes on to the end.
    const inFlow = /[{[]/.test(line.slice(0, match.index));
    const length =
      /^"(?:[^"\\]|\\.)*"|^'[^']*'/.exec(rest)?.[0].length ?? (inFlow ? /^[^,}\]]*/.exec(rest)![0].length : rest.length);
    found.push([start, start + length]);
  }
  for (const match of line.matchAll(/\/\/[^/@\s:]*:([^@/\s]+)@/g)) {
    const start = match.index + match[0].length - 1 - match[1]!.length;
    found.push([start, start + match[1]!.length]);
  }
  return found;
}
