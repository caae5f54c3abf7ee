import type { RunRow } from "@lifeboat/catalog";
import { type Html, html } from "../html/html.ts";
import { resultMark } from "../view/marks.ts";
import { type PageTime, timeText } from "../view/time-text.ts";
import { objectLink, runHref } from "./links.ts";

const causesShown = 5;
const objectsNamed = 4;

/** What went wrong how often: one row for each cause. `runs` newest first. */
export function causesTable(runs: readonly RunRow[], time: PageTime): Html {
  const groups = [...Map.groupBy(runs, (run) => `${run.record?.result}\n${run.cause}`).values()]
    .filter((group) => group[0]?.cause !== null)
    .sort((a, b) => b.length - a.length);
  if (groups.length === 0) return html``;
  return html`<h2>Causes <span class="count">${Math.min(causesShown, groups.length)} of ${groups.length}</span></h2>
<div class="scroll"><table class="causes"><caption class="hidden">Causes of runs that did not pass</caption>
<thead><tr><th scope="col">Result</th><th scope="col">Cause</th><th scope="col" class="num">Times</th><th scope="col">Where</th><th scope="col">Since</th></tr></thead>
<tbody>${groups.slice(0, causesShown).map((group) => causeRow(group, time))}</tbody></table></div>`;
}

function causeRow(group: readonly RunRow[], time: PageTime): Html {
  const [newest] = group;
  const oldest = group.at(-1);
  if (newest === undefined || oldest === undefined) return html``;
  const objects = [...new Set(group.map((run) => run.object))];
  const more = objects.length - objectsNamed;
  return html`<tr><td>${resultMark(newest.record?.result ?? null, newest.state)}</td><th scope="row"><a href="${runHref(newest.id)}">${newest.cause}</a></th><td class="num">${group.length}</td>
<td>${objects.slice(0, objectsNamed).map((object, index) => html`${index > 0 ? ", " : ""}${objectLink(object)}`)}${more > 0 ? ` and ${more} more` : ""}</td><td>${timeText(oldest.slotMs, time)}</td></tr>`;
}
