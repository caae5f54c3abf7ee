import type { HistoryFilter } from "@lifeboat/catalog";
import {
  type CompiledConfig,
  exitCodes,
  LifeboatError,
  parseDuration,
  type RunKind,
  type RunRecord,
  type RunResult,
  resultOrder,
  runKinds,
} from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatBytes } from "../output/format-size.ts";
import { formatLocal, formatSpan, zoneName } from "../output/format-time.ts";
import { renderTable } from "../output/render-table.ts";
import { markOf, runSummary, secondsOf } from "../output/show-run.ts";
import { loadConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const history: CommandSpec = {
  arguments: [{ name: "[object]", description: "asset, repository or drill" }],
  options: [
    { flags: "--asset <ASSET>", description: "the same as the argument" },
    { flags: "--kind <KIND...>", description: "only these kinds", choices: runKinds },
    { flags: "--result <RESULT...>", description: "only these results", choices: resultOrder },
    { flags: "--since <DURATION>", description: "only the last 24h, 7d" },
    { flags: "--last <COUNT>", description: "at most so many", default: "50" },
    { flags: "--csv", description: "for a spreadsheet" },
    { flags: "--here", description: "from the records in the repositories, without the service's history" },
  ],
  examples: [
    { command: "lifeboat history --asset db2/crm --last 3", does: "the last three runs of an asset" },
    { command: "lifeboat history --result failed --since 7d", does: "what failed this week, and why" },
  ],
  details: "With --here, a repository that could not be read or not as a whole is named, and the exit code is 3.",
  run: showHistory,
};

/** A run that is open has no record yet. */
interface HistoryRow {
  readonly id: string;
  readonly kind: RunKind;
  readonly object: string;
  readonly slotMs: number;
  readonly state: string;
  readonly cause: string | null;
  readonly record: RunRecord | null;
}

async function showHistory(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const { rows, isWhole } = await readRows(session, config, values);
  const code = isWhole ? exitCodes.passed : exitCodes.incomplete;
  const timezone = config.company.timezone;
  if (session.json) {
    for (const row of rows)
      await session.answer(row.record === null ? openRun(row) : { ...runSummary(row.record), message_type: "run" });
    return code;
  }
  if (values.flag("csv")) {
    await session.output.line("slot,run,kind,object,result,seconds,cause");
    for (const row of rows) await session.output.line(csvLine(row));
    return code;
  }
  if (rows.length === 0) {
    session.say("no run fits; 'lifeboat backup run POLICY' makes one, 'lifeboat up' starts the schedule");
    return code;
  }
  const columns = [
    { head: `WHEN (${zoneName(session.clock.now(), timezone)})` },
    { head: "KIND" },
    { head: "OBJECT" },
    { head: "RESULT" },
    { head: "TOOK", align: "right" as const },
    { head: "SIZE", align: "right" as const },
    { head: "NEW", align: "right" as const },
    { head: "WHY" },
  ];
  for (const line of renderTable(
    columns,
    rows.map((row) => cells(row, timezone)),
  ))
    await session.output.line(line);
  session.say(`${rows.length} runs; one of them: lifeboat job show ${rows[0]!.id}`);
  return code;
}

async function readRows(
  session: Session,
  config: CompiledConfig,
  values: OptionValues,
): Promise<{ rows: HistoryRow[]; isWhole: boolean }> {
  const filter = filterOf(session, values);
  if (values.flag("here")) {
    const { readRepositoryHistory } = await import("../service/read-run-records.ts");
    const { openJobContext } = await import("../session/open-job-context.ts");
    const { runs, unread } = await readRepositoryHistory(session, openJobContext(session, { config, writes: false }), config);
    const rows = runs
      .map((record) => ({ ...record, slotMs: Date.parse(record.slot), state: "settled", record }))
      .filter(
        (row) =>
          (filter.object === undefined || row.object === filter.object) &&
          (filter.kinds === undefined || filter.kinds.includes(row.kind)) &&
          (filter.results === undefined || filter.results.includes(row.record.result)) &&
          row.slotMs >= (filter.sinceMs ?? 0),
      )
      .slice(0, filter.limit);
    return { rows, isWhole: unread.size === 0 };
  }
  const { openHistory } = await import("../service/history-file.ts");
  const { catalog } = await openHistory(session, config);
  return { rows: await catalog.history(filter).finally(() => catalog.close()), isWhole: true };
}

function filterOf(session: Session, values: OptionValues): HistoryFilter {
  const object = values.words[0] ?? values.text("asset");
  const kinds = values.texts("kind") as RunKind[];
  const results = values.texts("result") as RunResult[];
  const since = values.text("since");
  const seconds = since === undefined ? undefined : parseDuration(since);
  if (since !== undefined && seconds === undefined)
    throw new LifeboatError("usage", `--since "${since}" is no duration like 24h or 7d`);
  const last = values.text("last") ?? "50";
  if (!/^[1-9][0-9]{0,4}$/.test(last)) throw new LifeboatError("usage", `--last "${last}" is no number`);
  return {
    ...(object !== undefined && { object }),
    ...(kinds.length > 0 && { kinds }),
    ...(results.length > 0 && { results }),
    ...(seconds !== undefined && { sinceMs: session.clock.now() - seconds * 1000 }),
    limit: Number(last),
  };
}

function cells({ slotMs, kind, object, state, cause, record }: HistoryRow, timezone: string): string[] {
  const result = record === null ? state : record.result;
  const size = record?.figures.total_bytes_processed;
  const added = record?.figures.data_added;
  return [
    formatLocal(slotMs, timezone, true),
    kind,
    object,
    `${record === null ? "●" : markOf(result)} ${result === "failed" ? "FAILED" : result}`,
    record === null ? "-" : formatSpan(secondsOf(record)),
    size === undefined ? "-" : formatBytes(size),
    added === undefined ? "-" : formatBytes(added),
    (record?.cause ?? cause ?? "").slice(0, 200),
  ];
}

function openRun({ id, kind, object, state, cause, slotMs }: HistoryRow) {
  return {
    message_type: "run",
    schema: "lifeboat.job/1",
    job: id,
    kind,
    object,
    state,
    result: null,
    cause,
    slot: new Date(slotMs).toISOString(),
  };
}

function csvLine({ id, kind, object, slotMs, state, cause, record }: HistoryRow): string {
  const fields = [
    new Date(slotMs).toISOString(),
    id,
    kind,
    object,
    record?.result ?? state,
    record === null ? "" : secondsOf(record),
    record?.cause ?? cause ?? "",
  ];
  return fields.map((field) => `"${guardFormula(String(field)).replaceAll('"', '""')}"`).join(",");
}

/** Causes hold words of hosts; a spreadsheet must not take them for formulas. */
function guardFormula(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}
