import type { JudgedAge } from "@lifeboat/model";
import { type Html, html } from "../html/html.ts";
import { formatRoundAge } from "./format.ts";
import { type MarkLevel, resultLevel } from "./marks.ts";

/** "7m of 1h", "never, wanted 30d", "8h, no objective". `never` is the word for what there is not. */
export function judgedText({ verdict, ageSeconds, objectiveSeconds }: JudgedAge, never = "never"): string {
  const objective = objectiveSeconds === undefined ? undefined : formatRoundAge(objectiveSeconds);
  if (verdict === "unknown") return "unknown: dated in the future";
  if (ageSeconds === undefined) return objective === undefined ? `${never}, no objective` : `${never}, wanted ${objective}`;
  return objective === undefined
    ? `${formatRoundAge(ageSeconds)}, no objective`
    : `${formatRoundAge(ageSeconds)} of ${objective}`;
}

export function judgedLevel({ verdict }: JudgedAge): MarkLevel {
  const levels: Readonly<Record<JudgedAge["verdict"], MarkLevel>> = {
    met: "good",
    missed: "bad",
    never: "bad",
    none: "neutral",
    unknown: "unknown",
  };
  return levels[verdict];
}

/** The bar ends at one and a half times the objective; the line in it is the objective. The figure stands beside it as text. */
export function ageBar(judged: JudgedAge): Html {
  const { ageSeconds, objectiveSeconds } = judged;
  if (ageSeconds === undefined || objectiveSeconds === undefined) return html``;
  const ratio = Math.min(ageSeconds / objectiveSeconds, 1.5);
  const width = Math.max(1, Math.round(ratio * 80));
  return html`<svg class="bar ${judgedLevel(judged)}" viewBox="0 0 120 12" width="120" height="12" role="img" aria-label="${judgedText(judged)}"><rect class="track" width="120" height="12"/><rect class="fill" width="${width}" height="12"/><rect class="objective" x="79" y="0" width="2" height="12"/></svg>`;
}

export interface StripCell {
  readonly label: string;
  readonly result: "none" | Parameters<typeof resultLevel>[0];
  readonly href: string | undefined;
}

/** One cell a day, oldest first: full height passed, half incomplete, low with a gap failed, a dot for none. */
export function dayStrip(cells: readonly StripCell[], label: string): Html {
  const width = cells.length * 6;
  return html`<svg class="strip" viewBox="0 0 ${width} 20" width="${width}" height="20" role="img" aria-label="${label}">${cells.map(
    (cell, index) => {
      const drawn = stripCell(cell.result, index * 6);
      const titled = html`<title>${cell.label}</title>${drawn}`;
      return cell.href === undefined ? html`<g>${titled}</g>` : html`<a href="${cell.href}">${titled}</a>`;
    },
  )}</svg>`;
}

function stripCell(result: StripCell["result"], x: number): Html {
  if (result === "none") return html`<rect class="none" x="${x + 1}" y="17" width="3" height="3"/>`;
  const level = resultLevel(result);
  const height = level === "good" ? 20 : level === "warning" ? 13 : level === "bad" ? 20 : 7;
  const body = html`<rect class="${level}" x="${x}" y="${20 - height}" width="5" height="${height}"/>`;
  // A failed day is cut through, so that it differs from a passed one without colour.
  return level === "bad" ? html`${body}<rect class="cut" x="${x}" y="8" width="5" height="4"/>` : body;
}
