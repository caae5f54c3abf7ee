// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
/** What the renderers of errors and problems paint: red, yellow or cyan, closed within the line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a colour begins with a control character
const painted = /(\x1b\[3[136]m)([^\x1b\n]*)(\x1b\[0m)/;

/**
 * Text for a terminal: hosts name files, owners and causes, and nothing in them may steer the screen. Control characters but
 * newline and tab become `\u001b`, which is the same string where the text is JSON. With `colour` our own colours stay; a name
 * that imitates one can colour itself, and nothing beyond.
 */
export function cleanForTerminal(text: string, colour = false): string {
  if (!colour) return text.replace(controls, escapeUnit);
  return text
    .split(painted)
    .map((part, at) => (at % 4 === 1 || at % 4 === 3 ? part : part.replace(controls, escapeUnit)))
    .join("");
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
