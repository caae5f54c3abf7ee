import type { RunRow } from "@lifeboat/catalog";
import { type CountOf, type RunKind, type RunResult, resultOrder } from "@lifeboat/model";
import { type ComingSlot, comingSlots } from "../figures/coming-slots.ts";
import { type Html, html } from "../html/html.ts";
import { ageBar, judgedText } from "../view/charts.ts";
import { definition, definitions } from "../view/definition.ts";
import { formatAge, formatCount, formatShare } from "../view/format.ts";
import { type MarkLevel, mark, resultMark, shape } from "../view/marks.ts";
import { timeText } from "../view/time-text.ts";
import { assetMark } from "./asset-mark.ts";
import { attentionTable } from "./attention-table.ts";
import { assetLink, jobsHref, objectLink, runHref } from "./links.ts";
import type { PageData } from "./page-data.ts";
import { type RecentFigures, recentDayCount } from "./recent-figures.ts";

const comingShown = 8;
const openShown = 10;

/** Verdict, count, reason and owner are on the first screen. */
export async function overviewPage(data: PageData): Promise<Html> {
  const { protection, config, time, catalog } = data;
  const recent = await data.recent();
  const open = await catalog.openRuns();
  return html`
<section class="verdict ${protection.level}" aria-label="Verdict">
${shape(protection.level)}
<h1>${protection.sentence}</h1>
${definition("protected", definitions.protected)}
</section>
${headFigures(data)}
<div class="columns">
<section><h2>Needs attention <span class="count">${protection.attention.length} of ${protection.assets.length}</span></h2>${attentionTable(protection, time)}</section>
<section><h2>Last ${recentDayCount} days</h2>${recentTable(recent)}</section>
</div>
<section><h2>Assets</h2>${assetTable(data)}</section>
<div class="columns">
<section><h2>Now <span class="count">${formatCount(open.length)}</span></h2>${openTable(open, data)}</section>
<section><h2>Coming</h2>${comingTable(comingSlots(config, time.nowMs, comingShown), data)}</section>
</div>`;
}

function headFigures({ protection }: PageData): Html {
  const { counts } = protection;
  const isKnown = protection.scheduler.state !== "silent";
  const figure = (name: string, count: CountOf, text: string) => {
    const level: MarkLevel = count.of === 0 ? "neutral" : !isKnown ? "unknown" : count.good === count.of ? "good" : "bad";
    const words =
      count.of === 0 ? "no objective" : isKnown ? `${count.good} of ${count.of}` : `unknown, was ${count.good} of ${count.of}`;
    return html`<div class="figure"><dt>${name}</dt><dd>${mark(level, words)}${definition(name, text)}</dd></div>`;
  };
  return html`<dl class="figures" aria-label="Objectives">${[
    figure("Recoverable to within RPO", counts.withinRpo, definitions.rpo),
    figure("Second site in time", counts.secondSite, definitions.secondSite),
    figure("Repository checked", counts.checked, definitions.checked),
    figure("Restore proven", counts.proven, definitions.proven),
  ]}</dl>`;
}

function recentTable({ counts, rpoKept, assetsWithRpo, days }: RecentFigures): Html {
  const since = days[0]?.date;
  const settled = counts.filter((count) => count.result !== null);
  const kinds = kindOrder.filter((kind) => settled.some((count) => count.kind === kind));
  const kept =
    assetsWithRpo === 0
      ? "no asset has an RPO"
      : rpoKept.ofMs === 0
        ? `no run yet, of ${assetsWithRpo} assets with an RPO`
        : `${formatShare(rpoKept.keptMs, rpoKept.ofMs)} of ${formatCount(Math.round(rpoKept.ofMs / 3_600_000))} asset-hours`;
  const rpoLine = html`<div class="kept"><strong>RPO kept</strong> ${kept}${definition("RPO kept", definitions.rpoKept)}</div>`;
  if (kinds.length === 0)
    return html`${rpoLine}<p class="empty">No run is on record. The first: <code>lifeboat backup run</code></p>`;
  return html`${rpoLine}
<table><caption class="hidden">Runs of the last ${recentDayCount} days by kind and result</caption>
<thead><tr><th scope="col">Kind</th><th scope="col" class="num">Runs</th><th scope="col">Of these</th></tr></thead>
<tbody>${kinds.map((kind) => recentRow(kind, settled, since))}</tbody></table>`;
}

function recentRow(kind: RunKind, counts: RecentFigures["counts"], since: string | undefined): Html {
  const of = (result: RunResult) => counts.find((count) => count.kind === kind && count.result === result)?.count ?? 0;
  const total = counts.filter((count) => count.kind === kind).reduce((sum, count) => sum + count.count, 0);
  // Passed and failed are said also when they are none: silence would be read as good.
  const said = resultOrder.filter((result) => result === "passed" || result === "failed" || of(result) > 0);
  return html`<tr><th scope="row">${kind}</th><td class="num"><a href="${jobsHref({ kind, since })}">${formatCount(total)}</a></td>
<td>${said.map((result, index) => {
    const words = `${formatCount(of(result))} ${result}`;
    return html`${index > 0 ? ", " : ""}${of(result) === 0 ? words : html`<a class="said" href="${jobsHref({ kind, result, since })}">${words}</a>`}`;
  })}</td></tr>`;
}

const kindOrder: readonly RunKind[] = ["backup", "replicate", "check", "drill", "forget", "prune", "restore"];

function assetTable({ protection, time }: PageData): Html {
  if (protection.assets.length === 0) {
    return html`<p class="empty">The configuration names no asset. Next: <code>lifeboat init</code>, then <code>lifeboat config validate</code>.</p>`;
  }
  return html`<div class="scroll"><table class="assets"><caption class="hidden">State of every asset</caption>
<thead><tr><th scope="col">Asset</th><th scope="col">State</th><th scope="col">Last good backup</th><th scope="col">Age of RPO${definition("age of RPO", definitions.rpo)}</th><th scope="col">Second site</th><th scope="col">Restore proven</th></tr></thead>
<tbody>${protection.assets.map(
    (asset) => html`<tr><th scope="row">${assetLink(asset.asset)}</th>
<td data-label="State">${assetMark(asset, protection)}</td>
<td data-label="Last good backup">${asset.lastGood === undefined ? "none" : timeText(asset.lastGood.timeMs, time)}</td>
<td data-label="Age of RPO" class="age">${ageBar(asset.rpo)} <span>${judgedText(asset.rpo)}</span></td>
<td data-label="Second site" class="age">${ageBar(asset.secondSite)} <span>${judgedText(asset.secondSite, "none")}</span></td>
<td data-label="Restore proven">${proofText(asset.proof)}</td></tr>`,
  )}</tbody></table></div>`;
}

export function proofText(proof: PageData["protection"]["assets"][number]["proof"]): Html {
  const { last, rtoSeconds } = proof;
  if (last === undefined) return html`${judgedText(proof)}`;
  const took =
    last.rtaSeconds === null
      ? ""
      : `, took ${formatAge(last.rtaSeconds)}${rtoSeconds === undefined ? "" : ` of ${formatAge(rtoSeconds)}`}`;
  const words = last.outcome === "failed" ? "last drill failed" : judgedText(proof);
  return html`<a href="${runHref(last.runId)}">${words}</a>${took}`;
}

function openTable(open: readonly RunRow[], { time }: PageData): Html {
  if (open.length === 0) return html`<p class="empty">Nothing is running or waiting.</p>`;
  const more = open.length - openShown;
  return html`<div class="scroll"><table><caption class="hidden">Runs that are waiting or running</caption>
<thead><tr><th scope="col">Run</th><th scope="col">State</th><th scope="col">Due</th></tr></thead>
<tbody>${open
    .slice(0, openShown)
    .map(
      (run) =>
        html`<tr><th scope="row"><a href="${runHref(run.id)}">${run.kind}</a> ${objectLink(run.object)}</th><td>${resultMark(null, run.state)}</td><td>${timeText(run.slotMs, time)}</td></tr>`,
    )}</tbody></table></div>${more > 0 ? html`<p><a href="/jobs?result=open">and ${formatCount(more)} more</a></p>` : ""}`;
}

function comingTable(slots: readonly ComingSlot[], { time }: PageData): Html {
  if (slots.length === 0) return html`<p class="empty">Nothing is scheduled: every policy is run by hand.</p>`;
  return html`<div class="scroll"><table><caption class="hidden">Next due times</caption>
<thead><tr><th scope="col">What</th><th scope="col">Due</th></tr></thead>
<tbody>${slots.map((slot) => html`<tr><th scope="row">${slot.kind} ${slot.name}</th><td>${timeText(slot.atMs, time)}</td></tr>`)}</tbody></table></div>`;
}
