import type { DrillReportRow, RunRow } from "@lifeboat/catalog";
import { type Html, html } from "../html/html.ts";
import { definition, definitions } from "../view/definition.ts";
import { formatAge, formatBytes } from "../view/format.ts";
import { type MarkLevel, mark, resultLevel, resultMark } from "../view/marks.ts";
import { timeText } from "../view/time-text.ts";
import { type DrillJson, readDrillJson } from "./drill-json.ts";
import { against } from "./drills-page.ts";
import { assetLink, runHref } from "./links.ts";
import type { PageData } from "./page-data.ts";

/** `run` and `report` need not both exist: a drill that never got to its report has none. */
export function drillPage(data: PageData, drill: string, run: RunRow | undefined, report: DrillReportRow | undefined): Html {
  const { time } = data;
  const result =
    report === undefined
      ? resultMark(run?.record?.result ?? null, run?.state ?? "settled")
      : mark(resultLevel(report.result), report.result);
  const href = runHref(report?.runId ?? run?.id ?? "");
  const json = report === undefined ? undefined : readDrillJson(report.report);
  const atMs = report === undefined ? run?.slotMs : Date.parse(report.declared);
  return html`<p class="crumbs"><a href="/drills">Drills</a> / <a href="/drills#${drill}">${drill}</a></p>
<h1>Drill ${drill} ${result}</h1>
<p class="sub">Declared ${atMs === undefined ? "at an unknown time" : timeText(atMs, time)}. Id: <code>${report?.runId ?? run?.id ?? ""}</code></p>
${
  report === undefined
    ? html`<p class="empty">There is no report of this run. ${run?.cause ?? "It has not ended yet."}</p>`
    : html`<p class="links">${report.html === undefined ? "" : html`<a href="${href}/report.html">The full report for print and auditors</a> · `}<a href="${href}/report.json">as JSON</a> · ${run === undefined ? "" : html`<a href="/jobs/${encodeURI(run.id)}">the run's timeline</a>`}</p>${
        json === undefined
          ? html`<p class="notice">The report cannot be read: it is no JSON object.</p>`
          : reportSections(report, json)
      }`
}`;
}

function reportSections(report: DrillReportRow, json: DrillJson): Html {
  const causes = json.list("causes");
  return html`<section class="note"><p><strong>${json.text("verdict") ?? "The report holds no verdict."}</strong></p>${
    causes.length === 0
      ? ""
      : html`<ul>${causes.map((cause) => html`<li>${cause.text("kind") ?? ""}: ${cause.text("where") ?? ""}: ${cause.text("reason") ?? ""}</li>`)}</ul>`
  }</section>
<dl class="figures"><div class="figure"><dt>Recovery time (RTA)</dt><dd>${against(report.rtaSeconds, json.number("objectives", "rto_s"))}${definition("RTA", definitions.rta)}</dd></div>
<div class="figure"><dt>Recovery point (RPA)</dt><dd>${against(report.rpaSeconds, json.number("objectives", "rpo_s"))}${definition("RPA", definitions.rpa)}</dd></div></dl>
${partsSection(json)}
${section(
  "Assets",
  ["Asset", "Snapshot", "Age", "From", "Size", "Proved by"],
  json
    .list("assets")
    .map((asset) => [
      assetLink(asset.text("asset") ?? "?"),
      html`<code>${asset.text("snapshot")?.slice(0, 8) ?? "-"}</code>`,
      seconds(asset.number("age_s")),
      asset.text("repository") ?? "-",
      bytes(asset.number("size_bytes")),
      asset.texts("proved_by").join(", ") || mark("unknown", "nothing"),
    ]),
)}
${section(
  "Steps",
  ["Step", "Verdict", "What", "Took", "Detail"],
  json
    .list("steps")
    .map((step) => [
      step.text("id") ?? "?",
      verdictMark(step.text("verdict")),
      step.text("what") ?? "",
      seconds(step.number("seconds")),
      step.text("detail") ?? "",
    ]),
)}
${section(
  "Checks",
  ["Check", "Verdict", "Wanted", "Found", "Negative control"],
  json
    .list("checks")
    .map((check) => [
      check.text("id") ?? "?",
      verdictMark(check.text("verdict")),
      check.text("wanted") ?? "",
      html`${check.text("found") ?? ""} ${check.text("detail") ?? ""}`,
      controlText(check),
    ]),
)}
${listSection("Not covered", json.texts("not_covered"))}
${section(
  "Left behind",
  ["What", "Machine", "State", "Detail"],
  json
    .list("leftovers")
    .map((thing) => [
      thing.text("what") ?? "?",
      thing.text("machine") ?? "",
      thing.text("state") ?? "",
      thing.text("detail") ?? "",
    ]),
)}`;
}

function partsSection(json: DrillJson): Html {
  const parts = json.entries("achieved", "rta_parts");
  const total = parts.reduce((sum, [, part]) => sum + part, 0);
  if (total <= 0) return html``;
  return html`<section><h2>Where the time went</h2><div class="scroll"><table class="narrow"><caption class="hidden">Parts of the recovery time</caption><thead><tr><th scope="col">Part</th><th scope="col" class="num">Time</th><th scope="col">Share</th></tr></thead><tbody>${parts.map(
    ([name, part]) => {
      const width = Math.max(0, Math.min(120, Math.round((part / total) * 120)));
      return html`<tr><th scope="row">${name}</th><td class="num">${formatAge(part)}</td><td><svg class="bar neutral" viewBox="0 0 120 12" width="120" height="12" aria-hidden="true"><rect class="track" width="120" height="12"/><rect class="fill" width="${width}" height="12"/></svg> ${Math.round((part / total) * 100)}%</td></tr>`;
    },
  )}</tbody></table></div></section>`;
}

function section(name: string, columns: readonly string[], rows: readonly (readonly (Html | string)[])[]): Html {
  if (rows.length === 0) return html``;
  return html`<section><h2>${name} <span class="count">${rows.length}</span></h2><div class="scroll"><table><caption class="hidden">${name}</caption><thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>`,
  )}</tbody></table></div></section>`;
}

function listSection(name: string, items: readonly string[]): Html {
  return items.length === 0
    ? html``
    : html`<section><h2>${name}</h2><ul>${items.map((item) => html`<li>${item}</li>`)}</ul></section>`;
}

function verdictMark(verdict: string | undefined): Html {
  const levels: Readonly<Record<string, MarkLevel>> = { passed: "good", failed: "bad", skipped: "neutral" };
  return mark(levels[verdict ?? ""] ?? "unknown", verdict ?? "unknown");
}

/** Only a control that failed on damaged data proves its check. */
function controlText(check: DrillJson): Html {
  const verdict = check.text("control", "verdict");
  const level: MarkLevel = verdict === "proved" ? "good" : verdict === "none" || verdict === "not_run" ? "neutral" : "unknown";
  const damages = check
    .list("control", "damages")
    .map((damage) => damage.text("damage") ?? "")
    .filter((text) => text !== "");
  return html`${mark(level, (verdict ?? "unknown").replaceAll("_", " "))}<p class="sub">${check.text("control", "reason") ?? ""}${damages.length === 0 ? "" : ` (${damages.join("; ")})`}</p>`;
}

function seconds(value: number | undefined): string {
  return value === undefined ? "-" : formatAge(value);
}

function bytes(value: number | undefined): string {
  return value === undefined ? "-" : formatBytes(value);
}
