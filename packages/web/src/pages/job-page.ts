import type { AttemptRow, RunRow } from "@lifeboat/catalog";
import { type AssetProtection, errorCodes, parseAssetName, type RunRecord } from "@lifeboat/model";
import { type Html, html } from "../html/html.ts";
import { formatAge, formatBytes, formatCount } from "../view/format.ts";
import { resultMark } from "../view/marks.ts";
import { type PageTime, timeText } from "../view/time-text.ts";
import { assetMark } from "./asset-mark.ts";
import { assetLink, jobsHref } from "./links.ts";
import type { PageData } from "./page-data.ts";

const problemsShown = 100;

export async function jobPage(data: PageData, run: RunRow): Promise<Html> {
  const { catalog, config, protection, time } = data;
  const attempts = await catalog.attemptsOf(run.id);
  const { record } = run;
  const asset = protection.assets.find((one) => one.asset === run.object);
  const owner = config.policies.get(run.policy ?? "")?.owner;
  return html`<p class="crumbs"><a href="/jobs">Jobs</a> / <a href="${jobsHref({ asset: run.object })}">${run.object}</a></p>
<h1>${run.kind} of ${run.object} ${resultMark(record?.result ?? null, run.state)}</h1>
<p class="sub">${run.byHand ? "Started by hand" : "Started by the schedule"}${run.policy === null ? "" : ` of policy ${run.policy}`}, due ${timeText(run.slotMs, time)}. Owner: ${owner ?? "no owner"}. Id: <code>${run.id}</code></p>
${causeSection(run)}
${asset === undefined ? "" : effectSection(asset, data)}
${nextSection(run, asset)}
<section><h2>Timeline</h2>${timeline(run, attempts, time)}</section>
${record === null ? "" : html`${figuresSection(record)}${problemsSection(record)}${placesSection(record)}`}`;
}

function causeSection(run: RunRow): Html {
  if (run.cause === null) {
    const words =
      run.record === null
        ? "It has not ended yet."
        : run.record.result === "passed"
          ? "It passed: nothing to say."
          : "No cause was recorded.";
    return html`<section><h2>Cause</h2><p>${words}</p></section>`;
  }
  const row =
    run.code !== null && Object.hasOwn(errorCodes, run.code) ? errorCodes[run.code as keyof typeof errorCodes] : undefined;
  return html`<section><h2>Cause</h2><p class="cause">${run.cause}</p>${row === undefined ? "" : html`<p>${row.meaning}${row.hint === undefined ? "" : html` ${row.hint}`}</p>`}${
    run.code === null ? "" : html`<p class="sub">Error code: <code>${run.code}</code></p>`
  }</section>`;
}

function effectSection(asset: AssetProtection, { protection, time }: PageData): Html {
  return html`<section><h2>Effect</h2><p>${assetLink(asset.asset)} is now ${assetMark(asset, protection)}. Last good backup: ${
    asset.lastGood === undefined ? "none" : timeText(asset.lastGood.timeMs, time)
  }.${asset.why === "" ? "" : html` ${asset.why}.`}</p></section>`;
}

/** Commands that an operator can paste. */
function nextSection(run: RunRow, asset: AssetProtection | undefined): Html {
  const commands: string[] = [];
  const parts = parseAssetName(run.object);
  const result = run.record?.result;
  if (result !== undefined && result !== "passed") {
    if (parts !== undefined) commands.push(`lifeboat doctor ${parts.host}`);
    if (run.kind === "backup" && run.policy !== null && parts !== undefined)
      commands.push(`lifeboat backup run ${run.policy} --host ${parts.host}`);
    if (run.kind === "check") commands.push(`lifeboat repo check --repo ${run.object}`);
    if (run.kind === "prune") commands.push(`lifeboat repo prune --repo ${run.object}`);
    if (run.kind === "drill") commands.push(`lifeboat drill run ${run.object}`);
  } else if (asset?.next !== undefined && asset.level !== "good") commands.push(asset.next);
  if (run.kind === "backup" && result === "passed")
    commands.push(`lifeboat ls ${run.object}@latest`, `lifeboat restore ${run.object}@latest --to DIR`);
  commands.push(`lifeboat job show ${run.id}`);
  return html`<section><h2>What next</h2><ul class="commands">${commands.map((command) => html`<li><code>${command}</code></li>`)}</ul></section>`;
}

function timeline(run: RunRow, attempts: readonly AttemptRow[], time: PageTime): Html {
  interface Step {
    readonly atMs: number | null;
    readonly what: Html;
    readonly detail: string;
  }
  const steps: Step[] = [
    { atMs: run.slotMs, what: html`due`, detail: run.byHand ? "by hand" : "" },
    { atMs: run.recordedMs, what: html`recorded`, detail: waited(run.recordedMs, run.slotMs, "after it was due") },
  ];
  for (const attempt of attempts) {
    steps.push({ atMs: attempt.startedMs, what: html`attempt ${attempt.attempt} began`, detail: `on ${attempt.owner}` });
    if (attempt.endedMs !== null) {
      const detail = [waited(attempt.endedMs, attempt.startedMs, "long"), attempt.cause ?? ""]
        .filter((text) => text !== "")
        .join(": ");
      steps.push({ atMs: attempt.endedMs, what: html`attempt ${attempt.attempt} ended`, detail });
    }
  }
  if (attempts.length === 0 && run.startedMs !== null) steps.push({ atMs: run.startedMs, what: html`began`, detail: "" });
  if (run.state === "running" && run.heartbeatMs !== null)
    steps.push({ atMs: run.heartbeatMs, what: html`last sign of life`, detail: run.owner ?? "" });
  if (run.state === "pending" && run.notBeforeMs > time.nowMs)
    steps.push({ atMs: run.notBeforeMs, what: html`next attempt, not before`, detail: run.cause ?? "" });
  if (run.endedMs !== null)
    steps.push({ atMs: run.endedMs, what: resultMark(run.record?.result ?? null, run.state), detail: "" });
  return html`<div class="scroll"><table><caption class="hidden">What happened when</caption>
<thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Detail</th></tr></thead>
<tbody>${steps.sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0)).map((step) => html`<tr><td>${step.atMs === null ? "-" : timeText(step.atMs, time, { seconds: true })}</td><th scope="row">${step.what}</th><td>${step.detail}</td></tr>`)}</tbody></table></div>`;
}

function waited(toMs: number, fromMs: number, words: string): string {
  return toMs - fromMs < 1000 ? "" : `${formatAge((toMs - fromMs) / 1000)} ${words}`;
}

function figuresSection({ figures }: RunRecord): Html {
  const entries = Object.entries(figures);
  if (entries.length === 0) return html``;
  return html`<section><h2>Figures</h2><div class="scroll"><table class="narrow"><caption class="hidden">Figures of the run</caption><thead><tr><th scope="col">Figure</th><th scope="col" class="num">Value</th></tr></thead><tbody>${entries.map(
    ([name, value]) =>
      html`<tr><th scope="row">${name.replaceAll("_", " ")}</th><td class="num">${figureText(name, value)}</td></tr>`,
  )}</tbody></table></div></section>`;
}

/** The unit stands in the name: `bytes` anywhere, restic's `data_added`, and seconds as `_s`, `_seconds` or `duration`. */
function figureText(name: string, value: number): string {
  if (/bytes|^data_added/.test(name)) return formatBytes(value);
  if (/_s$|_seconds$|duration/.test(name)) return formatAge(value);
  return formatCount(value);
}

function problemsSection({ problems, problemCount }: RunRecord): Html {
  if (problemCount === 0) return html``;
  const shown = problems.slice(0, problemsShown);
  return html`<section><h2>Problems <span class="count">${formatCount(shown.length)} of ${formatCount(problemCount)}</span></h2>
<div class="scroll"><table><caption class="hidden">Files with problems</caption><thead><tr><th scope="col">Path</th><th scope="col">Kind</th><th scope="col">Detail</th></tr></thead><tbody>${shown.map(
    (problem) =>
      html`<tr><th scope="row"><code>${problem.path}</code></th><td>${problem.kind}</td><td>${problem.detail}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function placesSection({ repository, snapshot }: RunRecord): Html {
  if (repository === null && snapshot === null) return html``;
  return html`<section><h2>Where it lies</h2><dl class="plain"><dt>Repository</dt><dd>${repository ?? "none"}</dd><dt>Snapshot</dt><dd>${snapshot === null ? "none" : html`<code>${snapshot}</code>`}</dd></dl></section>`;
}
