import type { AttemptRow } from "@lifeboat/catalog";
import { exitCodes, LifeboatError, parseRunId, type RunRecord } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatMoment, formatSpan } from "../output/format-time.ts";
import { oneLine } from "../output/one-line.ts";
import { figuresText, hostText, lossesText, markOf, runSummary, secondsOf } from "../output/show-run.ts";
import { loadConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const jobShow: CommandSpec = {
  arguments: [{ name: "<run>", description: "a run's id, as history shows it" }],
  options: [{ flags: "--here", description: "from the records in the repositories" }],
  examples: [
    { command: "lifeboat job show backup/web1/uploads@20261122T020000Z", does: "attempts, figures and what could not be read" },
  ],
  run: showJob,
};

interface ShownJob {
  readonly id: string;
  readonly state: string;
  readonly cause: string | null;
  readonly slotMs: number;
  readonly record: RunRecord | null;
  readonly attempts: readonly AttemptRow[];
}

async function showJob(session: Session, values: OptionValues): Promise<number> {
  const id = values.word(0);
  if (parseRunId(id) === undefined)
    throw new LifeboatError("usage", `"${id}" is no run's id`, { hint: "'lifeboat history' shows them." });
  const config = await loadConfig(session);
  const timezone = config.company.timezone;
  const job = await findJob(session, values, config, id);
  const { record, attempts } = job;
  if (session.json) {
    const base = record === null ? { job: id, state: job.state, result: null, cause: job.cause } : runSummary(record);
    await session.answer({ ...base, message_type: "run", state: job.state, attempts });
    return exitCodes.passed;
  }
  const lines = [
    `${record === null ? "●" : markOf(record.result)} ${id}  ${record === null ? job.state : record.result.toUpperCase()}`,
  ];
  lines.push(`Due       ${formatMoment(job.slotMs, timezone, true)}`);
  if (record !== null) {
    lines.push(
      `Ran       ${formatMoment(Date.parse(record.started), timezone, true)}, took ${formatSpan(secondsOf(record))}, attempt ${record.attempt}`,
    );
    if (record.policy !== null) lines.push(`Policy    ${record.policy}`);
    if (record.repository !== null)
      lines.push(`To        ${record.repository}${record.snapshot === null ? "" : `, snapshot ${record.snapshot}`}`);
    if (record.lost !== undefined) lines.push(oneLine(`Read      over SFTP, ${lossesText(record.lost)}`));
    if (record.host !== undefined) lines.push(`Host      ${hostText(record.host)}`);
    if (Object.keys(record.figures).length > 0) lines.push(`Figures   ${figuresText(record)}`);
  }
  const cause = record?.cause ?? job.cause;
  if (cause !== null) lines.push(`Cause     ${cause}${record?.code ? ` [${record.code}]` : ""}`);
  for (const { attempt, owner, startedMs, endedMs, cause: why } of attempts) {
    const end = endedMs === null ? "runs" : `took ${formatSpan((endedMs - startedMs) / 1000)}`;
    lines.push(
      `Attempt ${attempt}  ${formatMoment(startedMs, timezone, true)} on ${owner}, ${end}${why === null ? "" : `: ${why}`}`,
    );
  }
  for (const { path, kind, detail } of record?.problems ?? []) lines.push(`  ! ${path}: ${kind}: ${detail}`);
  if (record !== null && record.problemCount > record.problems.length)
    lines.push(`  ! and ${record.problemCount - record.problems.length} more`);
  for (const line of lines) await session.output.line(line);
  return exitCodes.passed;
}

async function findJob(
  session: Session,
  values: OptionValues,
  config: Awaited<ReturnType<typeof loadConfig>>,
  id: string,
): Promise<ShownJob> {
  const unknown = () =>
    new LifeboatError("asset-unknown", `there is no run ${id}`, { hint: "'lifeboat history' shows what there is." });
  if (values.flag("here")) {
    const { readRepositoryHistory } = await import("../service/read-run-records.ts");
    const { openJobContext } = await import("../session/open-job-context.ts");
    const { runs } = await readRepositoryHistory(session, openJobContext(session, { config, writes: false }), config);
    const record = runs.find((one) => one.id === id);
    if (record === undefined) throw unknown();
    return { id, state: "settled", cause: record.cause, slotMs: Date.parse(record.slot), record, attempts: [] };
  }
  const { openHistory } = await import("../service/history-file.ts");
  const { catalog } = await openHistory(session, config);
  try {
    const row = await catalog.findRun(id);
    if (row === undefined) throw unknown();
    return { ...row, attempts: await catalog.attemptsOf(id) };
  } finally {
    await catalog.close();
  }
}
