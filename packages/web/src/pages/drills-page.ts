import type { DrillReportRow } from "@lifeboat/catalog";
import { type CompiledDrill, nextSlot, parseRunId } from "@lifeboat/model";
import { type Html, html } from "../html/html.ts";
import { definition, definitions } from "../view/definition.ts";
import { formatAge } from "../view/format.ts";
import { mark, resultLevel, shape } from "../view/marks.ts";
import { timeText } from "../view/time-text.ts";
import { readDrillJson } from "./drill-json.ts";
import { assetLink, jobsHref, runHref } from "./links.ts";
import type { PageData } from "./page-data.ts";

const runsShown = 8;

export async function drillsPage(data: PageData): Promise<Html> {
  const { catalog, config } = data;
  const drills = [...config.drills.values()];
  if (drills.length === 0) {
    return html`<h1>Drills</h1><p class="empty">No drill is configured, so no restore is ever proven. A drill is a file below <code>drills.d/</code>; check it with <code>lifeboat drill validate</code></p>`;
  }
  const sections: Html[] = [];
  for (const drill of drills)
    sections.push(drillSection(drill, await catalog.drillReports({ drill: drill.name, limit: runsShown }), data));
  return html`<h1>Drills <span class="count">${drills.length}</span></h1>${sections}`;
}

function drillSection(drill: CompiledDrill, reports: readonly DrillReportRow[], { time }: PageData): Html {
  const next = drill.schedule === undefined ? undefined : nextSlot(drill.schedule, drill.name, time.nowMs);
  const assets = [...new Set(drill.steps.flatMap((step) => (step.kind === "restore" ? [step.asset] : [])))];
  return html`<section id="${drill.name}"><h2>${drill.name}</h2>
<p>${drill.description ?? ""}</p>
<p class="sub">Restores ${assets.map((asset, index) => html`${index > 0 ? ", " : ""}${assetLink(asset)}`)}. ${
    next === undefined ? html`Run by hand: <code>lifeboat drill run ${drill.name}</code>` : html`Next ${timeText(next, time)}`
  }. Owner: ${drill.owner ?? "no owner"}</p>
${reports.length === 0 ? html`<p class="empty">No run yet. Next: <code>lifeboat drill run ${drill.name}</code></p>` : reportTable(drill, reports, time)}
<p><a href="${jobsHref({ kind: "drill", asset: drill.name })}">All runs of ${drill.name}</a></p></section>`;
}

function reportTable(drill: CompiledDrill, reports: readonly DrillReportRow[], time: PageData["time"]): Html {
  const { rtoSeconds, rpoSeconds } = drill.objectives;
  return html`<p class="row">Last ${reports.length} runs, newest first: ${reports.map((report) => html`<a class="cell ${resultLevel(report.result)}" href="${runHref(report.runId)}" title="${report.declared}: ${report.result}">${shape(resultLevel(report.result))}<span class="hidden">${report.result}</span></a>`)}</p>
<div class="scroll"><table><caption class="hidden">Last runs of ${drill.name}</caption>
<thead><tr><th scope="col">Declared</th><th scope="col">Result</th><th scope="col">RTA / RTO${definition("RTA", definitions.rta)}</th><th scope="col">RPA / RPO${definition("RPA", definitions.rpa)}</th><th scope="col">Verdict</th></tr></thead>
<tbody>${reports.map((report) => {
    const slotMs = parseRunId(report.runId)?.slot ?? Date.parse(report.declared);
    return html`<tr><td><a href="${runHref(report.runId)}">${timeText(slotMs, time)}</a></td><td>${mark(resultLevel(report.result), report.result)}</td>
<td>${against(report.rtaSeconds, rtoSeconds)}</td><td>${against(report.rpaSeconds, rpoSeconds)}</td><td>${readDrillJson(report.report)?.text("verdict") ?? "The report cannot be read."}</td></tr>`;
  })}</tbody></table></div>`;
}

/** "37m of 2h"; "-" for what was not reached. */
export function against(seconds: number | null | undefined, objectiveSeconds: number | null | undefined): string {
  const reached = seconds === null || seconds === undefined ? "-" : formatAge(seconds);
  return objectiveSeconds === null || objectiveSeconds === undefined
    ? `${reached}, no objective`
    : `${reached} of ${formatAge(objectiveSeconds)}`;
}
