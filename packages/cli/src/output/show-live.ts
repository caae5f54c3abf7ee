import type { VerifyLiveReport } from "@lifeboat/jobs";
import { exitCodeOf } from "@lifeboat/model";
import { countOf, formatBytes, formatCount } from "./format-size.ts";
import { oneLine } from "./one-line.ts";
import { lossesText, markOf } from "./show-run.ts";

export interface LiveSubject {
  readonly asset: string;
  readonly snapshot: string;
  readonly seed: number;
  readonly tolerance: number;
}

export function liveJson(
  { asset, snapshot, seed, tolerance }: LiveSubject,
  report: VerifyLiveReport,
  isInDoubt: boolean,
): object {
  const { causes, figures, differences, differenceCount, unknown, unknownCount, missing, lost } = report;
  const result = isInDoubt && report.result === "passed" ? "incomplete" : report.result;
  return {
    message_type: "summary",
    result,
    exit_code: exitCodeOf(result, "check"),
    asset,
    snapshot_id: snapshot,
    seed,
    tolerance,
    causes,
    ...figures,
    difference_count: differenceCount,
    differences,
    unknown_count: unknownCount,
    unknown,
    missing,
    ...(lost.length > 0 && { lost }),
  };
}

export function liveLines({ asset, snapshot, seed }: LiveSubject, report: VerifyLiveReport): string[] {
  const { result, causes, figures, differences, differenceCount, unknown, unknownCount, missing, lost } = report;
  const of = (figure: string) => figures[figure] ?? 0;
  const head = result === "passed" ? "" : ` ${result.toUpperCase()}`;
  const compared = `${formatCount(of("files_compared"))} of ${countOf(of("files_unchanged"), "unchanged file")} compared by content, ${formatBytes(of("bytes_compared"))}`;
  const lines = [
    `${asset}  ${markOf(result)}${head} ${[compared, ...causes].join("; ")}  snapshot ${snapshot.slice(0, 8)}`,
    `  entries  ${formatCount(of("snapshot_entries"))} in the snapshot, ${formatCount(of("live_entries"))} now: ${of("entries_missing")} missing, ${of("entries_new")} new; ${countOf(of("files_changed"), "file")} changed since`,
    `  sample   ${countOf(of("files_sampled"), "file")}, ${of("files_changed_meanwhile")} of them changed meanwhile; the same again: --seed ${seed}`,
  ];
  if (of("files_left_out") > 0)
    lines.push(`  out      ${of("files_left_out")} in the snapshot that the configuration leaves out by now`);
  if (lost.length > 0) lines.push(oneLine(`  read over SFTP ${lossesText(lost)}`));
  for (const { path, detail } of differences) lines.push(oneLine(`  ✗ ${path}: ${detail}`));
  if (differenceCount > differences.length) lines.push(`  ✗ and ${differenceCount - differences.length} more`);
  for (const { path, detail } of unknown.slice(0, 20)) lines.push(oneLine(`  ? ${path}: ${detail}`));
  if (unknownCount > 20) lines.push(`  ? and ${unknownCount - 20} more`);
  const isMissingWorth = result === "failed" && of("entries_missing") > 0;
  if (isMissingWorth) for (const path of missing.slice(0, 20)) lines.push(oneLine(`  - ${path} is missing on the host`));
  return lines;
}
