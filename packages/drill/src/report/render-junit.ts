import type { DrillReport } from "./drill-report.ts";
import { escapeMarkup } from "./escape-markup.ts";

interface Case {
  readonly kind: "step" | "check" | "control" | "objective";
  readonly name: string;
  readonly seconds: number;
  readonly verdict: "passed" | "failed" | "inconclusive" | "skipped";
  readonly detail: string;
}

/** The common subset of JUnit's XML: a no is a failure, no answer is an error, what was not run is skipped. */
export function renderDrillReportJunit(report: DrillReport): string {
  const cases = listCases(report);
  const count = (verdict: Case["verdict"]) => cases.filter((one) => one.verdict === verdict).length;
  const totals = `tests="${cases.length}" failures="${count("failed")}" errors="${count("inconclusive")}" skipped="${count("skipped")}"`;
  const time = (Date.parse(report.ended_at) - Date.parse(report.started_at)) / 1000;
  const { objectives, achieved } = report;
  const properties: [string, string | number | null][] = [
    ["run", report.run],
    ["outcome", report.outcome],
    ["rto_s", objectives.rto_s],
    ["rta_s", achieved.rta_s],
    ["rpo_s", objectives.rpo_s],
    ["rpa_s", achieved.rpa_s],
    ...report.assets.map((asset): [string, string] => [`snapshot ${asset.asset}`, `${asset.snapshot} from ${asset.repository}`]),
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="drill/${escapeMarkup(report.drill)}" timestamp="${report.declared_at}" time="${time}" ${totals}>`,
    "  <properties>",
    ...properties.map(
      ([name, value]) => `    <property name="${escapeMarkup(name)}" value="${escapeMarkup(String(value ?? ""))}"/>`,
    ),
    "  </properties>",
    ...cases.map((one) => renderCase(report.drill, one)),
    "</testsuite>",
    "",
  ].join("\n");
}

function renderCase(drill: string, { kind, name, seconds, verdict, detail }: Case): string {
  const head = `  <testcase classname="${escapeMarkup(drill)}.${kind}" name="${escapeMarkup(name)}" time="${seconds}"`;
  if (verdict === "passed") return `${head}/>`;
  const tag = verdict === "failed" ? "failure" : verdict === "skipped" ? "skipped" : "error";
  return `${head}><${tag} message="${escapeMarkup(detail)}"/></testcase>`;
}

function listCases(report: DrillReport): Case[] {
  const cases: Case[] = [
    ...report.steps.map(
      (step): Case => ({ kind: "step", name: step.id, seconds: step.seconds ?? 0, verdict: step.verdict, detail: step.detail }),
    ),
    ...report.checks.map(
      (check): Case => ({
        kind: "check",
        name: check.id,
        seconds: check.seconds ?? 0,
        verdict: check.verdict,
        detail: check.detail,
      }),
    ),
  ];
  for (const { id, control } of report.checks) {
    const verdict =
      control.verdict === "proved"
        ? "passed"
        : control.verdict === "none" || control.verdict === "not_run"
          ? "skipped"
          : "inconclusive";
    cases.push({ kind: "control", name: id, seconds: 0, verdict, detail: control.reason });
  }
  const objective = (name: string, wanted: number | null, achieved: number | null): void => {
    if (wanted === null) return;
    const missed = report.causes.find((cause) => cause.where === `objective ${name}`);
    const verdict = missed !== undefined ? "failed" : achieved === null ? "inconclusive" : "passed";
    cases.push({ kind: "objective", name, seconds: achieved ?? 0, verdict, detail: missed?.reason ?? "not reached" });
  };
  objective("rto", report.objectives.rto_s, report.achieved.rta_s);
  objective("rpo", report.objectives.rpo_s, report.achieved.rpa_s);
  return cases;
}
