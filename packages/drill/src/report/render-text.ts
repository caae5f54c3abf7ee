import type { DrillCheckReport, DrillReport } from "./drill-report.ts";
import { rtaParts } from "./drill-report.ts";
import { formatBytes, formatElapsed } from "./format-figures.ts";

const shapes = { passed: "✓", failed: "✗", inconclusive: "?", skipped: "-", cancelled: "■" } as const;

/** For a terminal: plain text, at most about 120 columns in what Lifeboat itself writes. Ends with a line feed. */
export function renderDrillReportText(report: DrillReport): string {
  const { objectives, achieved } = report;
  const warnings = report.warnings > 0 ? ` with ${report.warnings} warning${report.warnings > 1 ? "s" : ""}` : "";
  const lines = [
    `DRILL ${report.drill}    ${shapes[report.outcome]} ${report.outcome.toUpperCase()}${warnings}    declared ${report.declared_at}    ${report.run}`,
    report.verdict,
    "",
    ` Recovery time   ${figure(achieved.rta_s, objectives.rto_s, "not reached")}   ${partsLine(report)}`,
    ` Recovery point  ${figure(achieved.rpa_s, objectives.rpo_s, "not reached")}${measured(report)}`,
  ];
  if (report.causes.length > 0) lines.push("", " Why");
  for (const cause of report.causes) lines.push(`  ${causeShape(cause.kind)} ${cause.where}: ${cause.reason}`);
  lines.push("", " Restored");
  for (const asset of report.assets) {
    const proof = !asset.restored
      ? "NOT RESTORED"
      : asset.proved_by.length > 0
        ? `proved by ${asset.proved_by.join(", ")}`
        : "not proved";
    const what = `${asset.asset}@${asset.snapshot.slice(0, 8)}`;
    lines.push(
      `  ${what} (${formatElapsed(asset.age_s)} old, ${formatBytes(asset.size_bytes)}) from ${asset.repository} to ${asset.target}: ${proof}`,
    );
  }
  lines.push("", " Steps");
  for (const step of report.steps)
    lines.push(`  ${shapes[step.verdict]} ${step.id.padEnd(14)} ${step.detail}  ${seconds(step.seconds)}`.trimEnd());
  const passed = report.checks.filter((check) => check.verdict === "passed").length;
  lines.push("", ` Checks ${passed} of ${report.checks.length} passed`);
  for (const check of report.checks) lines.push(...checkLines(check));
  if (report.not_covered.length > 0) lines.push("", ` Not covered: ${report.not_covered.join("; ")}`);
  lines.push("", ` Teardown: ${teardownLine(report)}`);
  return `${lines.join("\n")}\n`;
}

function figure(achieved: number | null, objective: number | null, missing: string): string {
  const value = achieved === null ? missing : formatElapsed(achieved);
  if (objective === null) return `${value} (no objective)`;
  const state = achieved === null ? "" : achieved <= objective ? ", met" : ", MISSED";
  return `${value} (objective ${formatElapsed(objective)}${state})`;
}

function partsLine({ achieved }: DrillReport): string {
  return rtaParts.map((part) => `${part} ${formatElapsed(achieved.rta_parts[part])}`).join(" | ");
}

function measured({ achieved }: DrillReport): string {
  return achieved.measured_rpa_s === null ? "" : `; newest data inside ${formatElapsed(achieved.measured_rpa_s)} old`;
}

function checkLines(check: DrillCheckReport): string[] {
  const answer = check.verdict === "passed" ? `${check.found} (wanted ${check.wanted})` : check.detail;
  const warn = check.severity === "warn" ? " [warning only]" : "";
  const lines = [`  ${shapes[check.verdict]} ${check.id.padEnd(14)} ${answer}${warn}  ${seconds(check.seconds)}`.trimEnd()];
  if (check.verdict === "passed") lines.push(`      ${controlLine(check)}`);
  return lines;
}

function controlLine({ control }: DrillCheckReport): string {
  const last = control.damages.at(-1)?.damage ?? "";
  if (control.verdict === "proved") return `says no to damage: ${last} (on a copy) -> failed, as it should`;
  if (control.verdict === "none") return "control: none, so it proves nothing";
  return `${control.verdict === "proves_nothing" ? "PROVES NOTHING" : "NOT TRIED"}: ${control.reason}`;
}

function teardownLine(report: DrillReport): string {
  if (report.teardown.length === 0) return "nothing was made";
  const removed = report.teardown.filter((thing) => thing.state === "removed");
  const parts = [`${removed.length} of ${report.teardown.length} things removed, verified absent`];
  for (const thing of report.leftovers)
    parts.push(`${thing.state === "left" ? "LEFT" : "kept"} on ${thing.machine}: ${thing.what}: ${thing.detail}`);
  return parts.join("; ");
}

function seconds(value: number | null): string {
  return value === null ? "" : formatElapsed(value);
}

function causeShape(kind: string): string {
  return kind === "failed" ? shapes.failed : kind === "inconclusive" ? shapes.inconclusive : "!";
}
