import type { Snapshot } from "@lifeboat/engine";
import { exitCodes, isPinned, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { sourceOfSnapshot } from "../output/describe-snapshot.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { formatAge, formatMoment, formatSpan } from "../output/format-time.ts";
import { oneLine } from "../output/one-line.ts";
import { lossesText } from "../output/show-run.ts";
import { openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const snapshotsShow: CommandSpec = {
  arguments: [{ name: "<snapshot>", description: "an id or ASSET@WHEN" }],
  repository: true,
  options: snapshotFilterOptions,
  examples: [
    { command: "lifeboat snapshots show web1/uploads@latest", does: "what was backed up, when, by whom, and what was new" },
    { command: "lifeboat snapshots show 9f3c1a22 --repo /srv/repo --password-file F --json", does: "restic's fields" },
  ],
  run: showOne,
};

async function showOne(session: Session, values: OptionValues): Promise<number> {
  const silent = { ...session, say() {} };
  await using opened = await openSnapshot(silent, values, values.word(0));
  session.isIncomplete = silent.isIncomplete;
  const { snapshot, timezone } = opened;
  if (opened.path !== undefined) {
    throw new LifeboatError("usage", `"${values.word(0)}" names a path; look at it with 'lifeboat ls ${values.word(0)}'`);
  }
  if (session.json) {
    await session.answer({ ...snapshot, short_id: snapshot.id.slice(0, 8), pinned: isPinned(snapshot) });
    return exitCodes.passed;
  }
  const width = Math.max(...rowsOf(session, snapshot, timezone).map(([head]) => head.length));
  for (const [head, text] of rowsOf(session, snapshot, timezone)) {
    await session.output.line(`${head.padEnd(width)}  ${text}`);
  }
  return exitCodes.passed;
}

function rowsOf(session: Session, snapshot: Snapshot, timezone: string): [head: string, text: string][] {
  const takenMs = Date.parse(snapshot.time);
  const { summary } = snapshot;
  const { problem_count: problems = 0, lost } = snapshot.lifeboat ?? {};
  const rows: [string, string | undefined][] = [
    ["id", snapshot.id],
    ["original", snapshot.original === undefined ? undefined : `${snapshot.original} (another id of the same backup)`],
    ["of", sourceOfSnapshot(snapshot)],
    ["taken", `${formatMoment(takenMs, timezone, true)}, ${formatAge(session.clock.now(), takenMs)} ago`],
    ["pinned", isPinned(snapshot) ? "yes: no rule forgets it" : "no"],
    ["unreadable", problems === 0 ? undefined : `${countOf(problems, "path")}: the snapshot is incomplete`],
    ["read", lost === undefined ? undefined : oneLine(`over SFTP, ${lossesText(lost)}`)],
    ["host", snapshot.hostname],
    ["user", snapshot.username],
    ["paths", snapshot.paths.join(", ")],
    ["excludes", snapshot.excludes?.join(", ")],
    ["tags", snapshot.tags?.join(", ")],
    ["tree", snapshot.tree],
    ["parent", snapshot.parent],
    ["written by", snapshot.program_version],
  ];
  if (summary !== undefined) {
    const seconds = (Date.parse(summary.backup_end) - Date.parse(summary.backup_start)) / 1000;
    rows.push(
      ["holds", `${countOf(summary.total_files_processed, "file")}, ${formatBytes(summary.total_bytes_processed)}`],
      ["files", `${summary.files_new} new, ${summary.files_changed} changed, ${summary.files_unmodified} unchanged`],
      ["stored", `${formatBytes(summary.data_added)} new, ${formatBytes(summary.data_added_packed)} after compression`],
      ["took", Number.isFinite(seconds) ? formatSpan(Math.max(0, seconds)) : undefined],
    );
  }
  return rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== "");
}
