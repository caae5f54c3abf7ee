import { writeFileSync } from "node:fs";
import { type DrillReport, renderDrillReportHtml, renderDrillReportJunit, renderDrillReportText } from "@lifeboat/drill";
import { exitCodes, formatDuration, LifeboatError, messageOf } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatLocal, zoneName } from "../output/format-time.ts";
import { renderTable } from "../output/render-table.ts";
import { markOf } from "../output/show-run.ts";
import { readDrillReports } from "../service/drill-reports.ts";
import { loadConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const drillReport: CommandSpec = {
  arguments: [{ name: "[drill-or-run]", description: "a drill (its last run), or a run's id; default the last drill of all" }],
  options: [
    { flags: "--last <COUNT>", description: "a table of the last runs instead of one report" },
    { flags: "--html <FILE>", description: "write it as one HTML file that prints" },
    { flags: "--junit <FILE>", description: "write it as JUnit XML" },
    { flags: "--here", description: "from the evidence in the repositories, without the service's history" },
  ],
  examples: [
    { command: "lifeboat drill report shop-weekly", does: "the last run" },
    { command: "lifeboat drill report shop-weekly --html report.html", does: "for an auditor" },
    { command: "lifeboat drill report shop-weekly --last 4", does: "how it went lately" },
  ],
  run: showReport,
};

async function showReport(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const wanted = values.words[0];
  const runId = wanted?.includes("@") ? wanted : undefined;
  const drill = runId === undefined ? wanted : undefined;
  const last = values.text("last");
  if (last !== undefined && !/^[1-9][0-9]{0,3}$/.test(last)) throw new LifeboatError("usage", `--last "${last}" is no number`);
  const reports = await readDrillReports(session, config, values, {
    drill,
    limit: last === undefined ? (runId === undefined ? 1 : 1000) : Number(last),
  });
  if (last !== undefined) return showTable(session, reports, config.company.timezone);
  const report = runId === undefined ? reports[0] : reports.find(({ run }) => run === runId);
  if (report === undefined) {
    throw new LifeboatError("asset-unknown", `there is no report${wanted === undefined ? "" : ` of ${wanted}`} yet`, {
      hint: `Run 'lifeboat drill run ${drill ?? "DRILL"}' first; 'lifeboat drill list' shows the drills.`,
    });
  }
  writeReports(session, values, report);
  if (session.json) await session.answer(report);
  else if (values.text("html") === undefined && values.text("junit") === undefined)
    await session.output.line(renderDrillReportText(report).trimEnd());
  return exitCodes.passed;
}

export function writeReports(session: Session, values: OptionValues, report: DrillReport): void {
  for (const [option, render] of [
    ["html", renderDrillReportHtml],
    ["junit", renderDrillReportJunit],
  ] as const) {
    const file = values.text(option);
    if (file === undefined) continue;
    try {
      writeFileSync(file, render(report));
    } catch (error) {
      throw new LifeboatError("usage", `${file} cannot be written (${messageOf(error)})`, { cause: error });
    }
    session.say(`wrote ${file}`);
  }
}

async function showTable(session: Session, reports: readonly DrillReport[], timezone: string): Promise<number> {
  if (session.json) {
    for (const report of reports) await session.answer(report);
    return exitCodes.passed;
  }
  if (reports.length === 0) session.say("no drill has run yet");
  const span = (seconds: number | null) => (seconds === null ? "-" : formatDuration(seconds));
  const heads = ["DRILL", `DECLARED (${zoneName(session.clock.now(), timezone)})`, "RESULT", "RTA / RTO", "RPA / RPO", "RUN"].map(
    (head) => ({ head }),
  );
  const rows = reports.map(({ drill, declared_at, outcome, achieved, objectives, run }) => [
    drill,
    formatLocal(Date.parse(declared_at), timezone),
    `${markOf(outcome)} ${outcome === "failed" ? "FAILED" : outcome}`,
    `${span(achieved.rta_s)} / ${span(objectives.rto_s)}`,
    `${span(achieved.rpa_s)} / ${span(objectives.rpo_s)}`,
    run,
  ]);
  for (const line of renderTable(heads, rows)) await session.output.line(line);
  return exitCodes.passed;
}
