import type { SeenSnapshot } from "@lifeboat/catalog";
import { type AssetProtection, type CompiledPolicy, type CompiledSchedule, nextSlot } from "@lifeboat/model";
import { lastLocalDays } from "../figures/local-days.ts";
import { type Html, html } from "../html/html.ts";
import { ageBar, dayStrip, judgedLevel, judgedText } from "../view/charts.ts";
import { definition, definitions } from "../view/definition.ts";
import { formatAge, formatBytes, formatCount } from "../view/format.ts";
import { mark, resultMark } from "../view/marks.ts";
import { timeText } from "../view/time-text.ts";
import { readAssetDays } from "./asset-days.ts";
import { assetMark } from "./asset-mark.ts";
import { runTable } from "./jobs-page.ts";
import { jobsHref, runHref } from "./links.ts";
import { proofText } from "./overview-page.ts";
import type { PageData } from "./page-data.ts";

const daysShown = 90;
const runsShown = 20;
const snapshotsShown = 30;

export async function assetPage(data: PageData, asset: AssetProtection): Promise<Html> {
  const { catalog, config } = data;
  const policy = config.policies.get(asset.policy);
  const runs = await catalog.history({ object: asset.asset, limit: runsShown });
  const snapshots = await catalog.seenSnapshots({ asset: asset.asset, limit: snapshotsShown });
  return html`<p class="crumbs"><a href="/assets">Assets</a></p>
<h1>${asset.asset} ${assetMark(asset, data.protection)}</h1>
<p class="sub">Policy ${asset.policy}, owner ${asset.owner ?? "no owner"}${asset.tier === undefined ? "" : `, tier ${asset.tier}`}${asset.isOpen ? ", a backup is waiting or running now" : ""}</p>
${asset.why === "" ? "" : html`<section class="note"><p>${asset.why}</p>${asset.next === undefined ? "" : html`<p class="next">Next: <code>${asset.next}</code></p>`}</section>`}
<section><h2>Objectives</h2>${objectivesTable(asset, data)}</section>
<section id="days"><h2>Last ${daysShown} days</h2>${await daysSection(data, asset.asset)}</section>
<section><h2>How to restore this</h2><ul class="commands"><li><code>lifeboat restore ${asset.asset}@latest --to DIR</code></li><li><code>lifeboat ls ${asset.asset}@latest</code></li></ul>${
    asset.lastGood === undefined
      ? html`<p>There is no good copy to restore from.</p>`
      : html`<p>Without Lifeboat, with the repository's password: <code>restic -r REPOSITORY restore ${asset.lastGood.snapshot.slice(0, 8)} --target DIR</code>, where REPOSITORY is <code>${config.repositories.get(asset.lastGood.repository)?.url ?? asset.lastGood.repository}</code></p>`
  }</section>
<section><h2>Runs</h2>${
    runs.length === 0
      ? html`<p class="empty">No run yet. Next: <code>lifeboat backup run ${asset.policy} --host ${asset.host}</code></p>`
      : html`${runTable(runs, data)}<p><a href="${jobsHref({ asset: asset.asset })}">All runs of ${asset.asset}</a></p>`
  }</section>
<section><h2>Snapshots</h2>${snapshotTable(snapshots, data)}</section>
<section><h2>Drills</h2>${drillList(data, asset.asset)}</section>
${policy === undefined ? "" : html`<section><h2>Policy ${policy.name}</h2>${policyTable(policy, data)}</section>`}`;
}

function objectivesTable(asset: AssetProtection, { time }: PageData): Html {
  const rows = [
    { name: "Age of RPO", text: definitions.rpo, judged: asset.rpo },
    { name: "Second site", text: definitions.secondSite, judged: asset.secondSite },
    { name: "Repository checked", text: definitions.checked, judged: asset.check },
    { name: "Restore proven", text: definitions.proven, judged: asset.proof },
  ];
  const words = { met: "met", missed: "missed", never: "never", none: "no objective", unknown: "unknown" } as const;
  return html`<div class="scroll"><table><caption class="hidden">Objectives and what is reached</caption><thead><tr><th scope="col">Objective</th><th scope="col">State</th><th scope="col">Figure</th><th scope="col">When</th></tr></thead><tbody>${rows.map(
    ({
      name,
      text,
      judged,
    }) => html`<tr><th scope="row">${name}${definition(name, text)}</th><td>${mark(judgedLevel(judged), words[judged.verdict])}</td>
<td class="age">${ageBar(judged)} <span>${judged === asset.proof ? proofText(asset.proof) : judgedText(judged)}</span></td><td>${judged.atMs === undefined ? "never" : timeText(judged.atMs, time)}</td></tr>`,
  )}</tbody></table></div>`;
}

async function daysSection({ catalog, time }: PageData, asset: string): Promise<Html> {
  const days = lastLocalDays(time.nowMs, time.timezone, daysShown);
  const results = await readAssetDays(catalog, asset, days);
  const link = (index: number) => jobsHref({ kind: "backup", asset, since: days[index]?.date, until: days[index + 1]?.date });
  const cells = results.map((result, index) => ({
    result,
    label: `${days[index]?.date}: ${result}`,
    href: result === "none" ? undefined : link(index),
  }));
  const count = (wanted: (typeof results)[number]) => results.filter((result) => result === wanted).length;
  const summary = `${count("passed")} of ${results.length} days passed, ${count("incomplete")} incomplete, ${count("failed")} failed, ${count("none")} without a run`;
  const table = results
    .map((result, index) => ({ result, index }))
    .filter(({ result }) => result !== "none")
    .reverse();
  return html`<div class="scroll">${dayStrip(cells, `${asset}, the worst result of each day: ${summary}`)}</div><p>${summary}. Each cell is the worst result of the backups that were due on a day; full passed, two thirds incomplete, cut through failed, low without an answer, a dot none.</p>
<details><summary>The same as a table</summary><div class="scroll"><table class="narrow"><caption class="hidden">Worst result by day</caption><thead><tr><th scope="col">Day</th><th scope="col">Worst result</th></tr></thead><tbody>${table.map(
    ({ result, index }) =>
      html`<tr><th scope="row"><a href="${link(index)}">${days[index]?.date}</a></th><td>${result === "none" ? "" : resultMark(result, "settled")}</td></tr>`,
  )}</tbody></table></div></details>`;
}

function snapshotTable(snapshots: readonly SeenSnapshot[], { time }: PageData): Html {
  if (snapshots.length === 0) return html`<p class="empty">No snapshot is known.</p>`;
  return html`<div class="scroll"><table><caption class="hidden">Newest snapshots</caption><thead><tr><th scope="col">Taken</th><th scope="col">Snapshot</th><th scope="col">Repository</th><th scope="col" class="num">Size</th><th scope="col" class="num">Files</th><th scope="col">Run</th></tr></thead><tbody>${snapshots.map(
    (snapshot) =>
      html`<tr><td>${timeText(Date.parse(snapshot.time), time)}</td><th scope="row"><code>${snapshot.id.slice(0, 8)}</code></th><td>${snapshot.repository}</td><td class="num">${snapshot.bytes === null ? "-" : formatBytes(snapshot.bytes)}</td><td class="num">${snapshot.files === null ? "-" : formatCount(snapshot.files)}</td><td>${snapshot.run === null ? "not by Lifeboat" : html`<a href="${runHref(snapshot.run)}">run</a>`}</td></tr>`,
  )}</tbody></table></div>`;
}

function drillList({ config, time }: PageData, asset: string): Html {
  const drills = [...config.drills.values()].filter((drill) =>
    drill.steps.some((step) => step.kind === "restore" && step.asset === asset),
  );
  if (drills.length === 0)
    return html`<p class="empty">No drill restores it, so no restore of it is ever proven. Next: <code>lifeboat drill validate</code></p>`;
  return html`<ul>${drills.map((drill) => {
    const next = drill.schedule === undefined ? undefined : nextSlot(drill.schedule, drill.name, time.nowMs);
    return html`<li><a href="/drills#${drill.name}">${drill.name}</a>, ${next === undefined ? "run by hand" : html`next ${timeText(next, time)}`}</li>`;
  })}</ul>`;
}

function policyTable(policy: CompiledPolicy, { time }: PageData): Html {
  const next = nextSlot(policy.schedule, policy.name, time.nowMs);
  const { retention } = policy;
  const keeps =
    retention === undefined
      ? "everything"
      : Object.entries({
          last: retention.last,
          hourly: retention.hourly,
          daily: retention.daily,
          weekly: retention.weekly,
          monthly: retention.monthly,
          yearly: retention.yearly,
        })
          .filter(([, count]) => count > 0)
          .map(([name, count]) => `${count} ${name}`)
          .concat(retention.withinSeconds > 0 ? [`all within ${formatAge(retention.withinSeconds)}`] : [])
          .join(", ");
  return html`<dl class="plain"><dt>Schedule</dt><dd>${scheduleText(policy.schedule)}${next === undefined ? "" : html`, next ${timeText(next, time)}`}</dd>
<dt>Repository</dt><dd>${policy.repository}</dd><dt>Second site</dt><dd>${policy.replicate.to.length === 0 ? "none" : policy.replicate.to.join(", ")}</dd>
<dt>Keeps</dt><dd>${keeps}</dd><dt>Where each value comes from</dt><dd><code>lifeboat config explain policies.${policy.name}</code></dd></dl>`;
}

function scheduleText({ when }: CompiledSchedule): string {
  if (when.kind === "manual") return "by hand";
  return when.kind === "every" ? `every ${formatAge(when.seconds)}` : `cron ${when.expression} (${when.timezone})`;
}
