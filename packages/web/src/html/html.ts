/** Markup that may go out as it is. Only the tag `html` makes it. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template's hole. Text is escaped, Html is not, lists are joined, nothing is written for the rest. */
export type HtmlPart = Html | string | number | false | null | undefined | readonly HtmlPart[];

/**
 * The one way from text to markup: every value is escaped for element content and quoted attributes alike. Attributes must be
 * quoted in the template; a value never becomes the name of an element or an attribute.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let text = strings[0] ?? "";
  for (const [index, part] of parts.entries()) text += render(part) + (strings[index + 1] ?? "");
  return new Html(text);
}

function render(part: HtmlPart): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  if (Array.isArray(part)) return part.map(render).join("");
  return "";
}

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Control characters, bidirectional overrides and lone surrogates of a hostile name become visible marks. */
function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(/(?![\t\n\r])[\p{Cc}\p{Bidi_Control}]/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => escapes[character] ?? "");
}
