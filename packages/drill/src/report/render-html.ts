import type { DrillCheckReport, DrillReport } from "./drill-report.ts";
import { escapeMarkup as e } from "./escape-markup.ts";
import { formatBytes, formatElapsed } from "./format-figures.ts";
import { renderPartsChart, renderTimeline } from "./render-charts.ts";
import { reportStyle } from "./report-style.ts";

const shapes: Record<string, string> = {
  passed: "✓",
  failed: "✗",
  inconclusive: "?",
  skipped: "–",
  cancelled: "■",
  warning: "!",
};

/** One file, no script, nothing loaded from elsewhere; prints on A4. State is always word, shape and colour together. */
export function renderDrillReportHtml(report: DrillReport): string {
  const sections = [
    verdict(report),
    scope(report),
    timeline(report),
    checks(report),
    list("What was not tested", report.not_covered, "Everything that was restored was looked at."),
    table(
      "People",
      ["Role", "Who"],
      report.people.map(({ role, who }) => [e(role), e(who)]),
    ),
    table(
      "Findings",
      ["No.", "Finding", "Owner"],
      report.findings.map((one) => [String(one.number), e(one.text), e(one.owner ?? "none named")]),
    ),
    teardown(report),
    evidence(report),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drill ${e(report.drill)}: ${report.outcome}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
${sections.join("\n")}
</main>
</body>
</html>
`;
}

function state(word: string, label = word.replaceAll("_", " ")): string {
  return `<span class="state ${e(word)}"><span aria-hidden="true">${shapes[word] ?? "?"}</span> ${e(label)}</span>`;
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[], none = "None."): string {
  if (rows.length === 0) return `<section><h2>${title}</h2><p>${none}</p></section>`;
  const header = head.map((cell) => `<th scope="col">${cell}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<section><h2>${title}</h2>\n<table><thead><tr>${header}</tr></thead><tbody>\n${body}\n</tbody></table></section>`;
}

function list(title: string, lines: readonly string[], none: string): string {
  const body = lines.length === 0 ? `<p>${none}</p>` : `<ul>${lines.map((line) => `<li>${e(line)}</li>`).join("")}</ul>`;
  return `<section><h2>${title}</h2>${body}</section>`;
}

function verdict(report: DrillReport): string {
  const { achieved, objectives } = report;
  const row = (name: string, value: number | null, objective: number | null, missing: string) => {
    const met =
      value === null || objective === null
        ? ""
        : state(value <= objective ? "passed" : "failed", value <= objective ? "met" : "missed");
    const found = value === null ? missing : formatElapsed(value);
    return [name, found, objective === null ? "none set" : formatElapsed(objective), met];
  };
  const figures = table(
    "Objectives",
    ["Figure", "Achieved", "Objective", "Result"],
    [
      row("Recovery time (declared to last required check passed)", achieved.rta_s, objectives.rto_s, "not reached"),
      row("Recovery point (age of the oldest snapshot used)", achieved.rpa_s, objectives.rpo_s, "not reached"),
      ...(achieved.measured_rpa_s === null
        ? []
        : [row("Newest data inside, as measured", achieved.measured_rpa_s, objectives.rpo_s, "")]),
    ],
  );
  const causes = report.causes.map((cause) => [state(cause.kind), e(cause.where), e(cause.reason)]);
  const why = causes.length === 0 ? "" : table("Why", ["Kind", "Where", "Reason"], causes);
  const warnings = report.warnings === 0 ? "" : ` <span class="state warning">! ${report.warnings} warnings</span>`;
  return `<header>
<p class="kind">Recovery drill · ${e(report.run)}</p>
<h1>${e(report.drill)} ${state(report.outcome)}${warnings}</h1>
<p class="verdict">${e(report.verdict)}</p>
<p>${e(report.description ?? "")}</p>
<p>Declared ${report.declared_at}, started ${report.started_at}, ended ${report.ended_at}. Owner: ${e(report.owner ?? "none named")}.</p>
</header>
${figures}
${renderPartsChart(report)}
${why}`;
}

function scope(report: DrillReport): string {
  const assets = report.assets.map((asset) => [
    e(asset.asset),
    `<code>${e(asset.snapshot.slice(0, 16))}</code>`,
    `${e(asset.time)} (${formatElapsed(asset.age_s)} old)`,
    e(asset.repository),
    formatBytes(asset.size_bytes),
    e(asset.target),
    asset.proved_by.length > 0
      ? `${state("passed", "proved")} by ${e(asset.proved_by.join(", "))}`
      : state("inconclusive", "not proved"),
  ]);
  const targets = report.targets.map((target) => [e(target.id), e(target.type), e(target.machine), e(target.place)]);
  const versions = Object.entries(report.versions).map(([name, version]) => [e(name), e(version)]);
  return [
    table("Scope", ["Asset", "Snapshot", "Stands for", "From", "Size", "Target", "Proof"], assets, "Nothing was selected."),
    table("Targets (none of them production)", ["Target", "Type", "Machine", "Place"], targets, "None was made."),
    table("Versions", ["What", "Version"], versions),
  ].join("\n");
}

function timeline(report: DrillReport): string {
  const rows = report.steps.map((step) => [
    e(step.id),
    `${e(step.kind)}: ${e(step.what)}`,
    state(step.verdict),
    step.started_s === null ? "" : `+${formatElapsed(step.started_s)}`,
    step.seconds === null ? "" : formatElapsed(step.seconds),
    e(step.detail) + output(step.output),
  ]);
  return `${renderTimeline(report)}\n${table("Steps", ["Step", "What", "Result", "Start", "Took", "Detail"], rows)}`;
}

function checks(report: DrillReport): string {
  const rows = report.checks.map((check) => [
    `${e(check.id)}<br><small>${e(check.type)}${check.severity === "warn" ? ", warning only" : ""}</small>`,
    state(check.verdict),
    e(check.wanted),
    e(check.verdict === "passed" ? check.found : check.detail) + output(check.output),
    check.seconds === null ? "" : formatElapsed(check.seconds),
    control(check),
  ]);
  const head = ["Check", "Result", "Wanted", "Found", "Took", "Negative control: the same check on a copy damaged on purpose"];
  return table("Checks", head, rows);
}

function control({ control }: DrillCheckReport): string {
  const words: Record<string, string> = {
    proved: state("passed", "says no to damage"),
    proves_nothing: state("inconclusive", "proves nothing"),
    no_answer: state("inconclusive", "could not be tried"),
    none: state("skipped", "not wanted"),
    not_run: state("skipped", "not run"),
  };
  const tried = control.damages.map((one) => `<li>${e(one.target)}: ${e(one.damage)} → ${e(one.verdict)} (${e(one.found)})</li>`);
  const steps = tried.length === 0 ? "" : `<ul>${tried.join("")}</ul>`;
  return `${words[control.verdict] ?? e(control.verdict)}<br><small>${e(control.reason)}</small>${steps}`;
}

function output(text: string | null): string {
  return text === null || text.trim() === "" ? "" : `<pre>${e(text)}</pre>`;
}

function teardown(report: DrillReport): string {
  const words = { removed: state("passed", "removed"), kept: state("warning", "kept"), left: state("failed", "left") };
  const rows = report.teardown.map((thing) => [e(thing.what), e(thing.machine), words[thing.state], e(thing.detail)]);
  return table("Teardown: what was made, and that it is gone", ["What", "Machine", "State", "Detail"], rows, "Nothing was made.");
}

function evidence(report: DrillReport): string {
  const rows = [
    ["Installation", `<code>${e(report.install_id)}</code>`],
    ["Configuration, SHA-256", `<code>${e(report.config_sha256 ?? "run without a configuration")}</code>`],
    ["Format", `<code>${report.schema}</code>`],
  ];
  return `${table("Evidence", ["What", "Value"], rows)}
<section><h2>Definition of the drill</h2><pre>${e(report.definition)}</pre></section>`;
}
