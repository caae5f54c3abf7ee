/** One line of an ssh_config file: the keyword in lower case, and its words without their quotes. */
export interface SshConfigLine {
  readonly keyword: string;
  readonly words: readonly string[];
}

/** As OpenSSH splits it: `Keyword word` or `Keyword=word`, quotes of both kinds, `#` begins a comment. Throws where a quote stays open. */
export function splitLine(line: string): SshConfigLine | undefined {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return undefined;
  const match = /^"?([A-Za-z0-9]+)"?(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)$/.exec(text);
  if (match === null) throw new Error(`"${text.slice(0, 60)}" is no line of a keyword and its value`);
  return { keyword: (match[1] ?? "").toLowerCase(), words: splitWords(match[2] ?? "") };
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === " " || text[at] === "\t") {
      at++;
      continue;
    }
    if (text[at] === "#") break;
    let word = "";
    let quote: string | undefined;
    for (; at < text.length; at++) {
      const letter = text[at] as string;
      const next = text[at + 1];
      if (letter === "\\" && (next === '"' || next === "'" || next === "\\" || (quote === undefined && next === " "))) {
        word += next;
        at++;
      } else if (quote === undefined && (letter === " " || letter === "\t")) break;
      else if (quote === undefined && (letter === '"' || letter === "'")) quote = letter;
      else if (letter === quote) quote = undefined;
      else word += letter;
    }
    if (quote !== undefined) throw new Error("a quote is not closed");
    words.push(word);
  }
  return words;
}
