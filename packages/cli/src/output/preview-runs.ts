import { type BackupPreview, type PreviewFinding, previewBackup } from "@lifeboat/jobs";
import { type CompiledConfig, displayName, exitCodes } from "@lifeboat/model";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";
import { countOf, formatBytes } from "./format-size.ts";
import { oneLine } from "./one-line.ts";
import { lossesText } from "./show-run.ts";

/** `backup run --dry-run`: what the sources hold now, beside their last snapshots. Databases are only named: they are dumped anew each time. */
export async function previewRuns(
  session: Session,
  config: CompiledConfig,
  assets: readonly string[],
  { list }: { readonly list: boolean },
): Promise<number> {
  const context = openJobContext(session, { config, writes: false });
  let unlisted = 0;
  for (const name of assets) {
    if (config.assets.get(name)?.source.type !== "files") {
      if (session.json) await session.answer({ message_type: "plan", asset: name });
      else await session.output.line(planLine(config, name));
      continue;
    }
    const found = async (some: readonly PreviewFinding[]) => {
      session.output.status(undefined);
      for (const finding of some)
        await (session.json ? session.answer(findingJson(finding)) : session.output.line(findingLine(finding)));
    };
    session.output.status(`${name}  is listed ...`);
    const preview = await previewBackup(context, { asset: name, ...(list && { found }) });
    session.output.status(undefined);
    unlisted += preview.problemCount;
    if (session.json) await session.answer(previewJson(name, preview));
    else for (const line of previewLines(name, preview)) await session.output.line(line);
  }
  return unlisted > 0 ? exitCodes.incomplete : exitCodes.passed;
}

const reasons: Readonly<Record<string, string>> = {
  pattern: "excluded",
  tag: "beside a tag",
  size: "larger than exclude_larger_than",
};

function findingLine({ entry, what }: PreviewFinding): string {
  const reason = reasons[what] === undefined ? "" : `  (${reasons[what]})`;
  return oneLine(`${what === "new" ? "+" : what === "changed" ? "M" : "-"} ${displayName(entry.path)}${reason}`);
}

function findingJson({ entry, what }: PreviewFinding): object {
  const action = what === "new" || what === "changed" ? { action: what } : { action: "left_out", reason: what };
  return { message_type: "verbose_status", ...action, item: displayName(entry.path), size: entry.size };
}

function previewJson(asset: string, { parent, figures, problems, problemCount, lost }: BackupPreview) {
  return {
    message_type: "summary",
    dry_run: true,
    asset,
    ...(parent !== undefined && { parent }),
    ...figures,
    error_count: problemCount,
    problems: problems.map(({ path, kind, detail }) => ({ path: displayName(path), kind, detail })),
    ...(lost.length > 0 && { lost }),
  };
}

function previewLines(asset: string, { parent, figures, problems, problemCount, lost }: BackupPreview): string[] {
  const of = (figure: string) => figures[figure] ?? 0;
  const since = parent === undefined ? "no snapshot yet" : `since snapshot ${parent.slice(0, 8)}`;
  const lines = [
    `${asset}  ${countOf(of("total_files_processed"), "file")}, ${formatBytes(of("total_bytes_processed"))}; would read ${formatBytes(of("bytes_to_read"))}`,
    `  files  ${of("files_new")} new, ${of("files_changed")} changed, ${of("files_unmodified")} unchanged (${since})`,
    `  dirs   ${of("dirs_new")} new, ${of("dirs_changed")} changed, ${of("dirs_unmodified")} unchanged`,
    `  out    ${of("left_out_pattern")} excluded, ${of("left_out_tag")} beside a tag, ${of("left_out_size")} too large (${formatBytes(of("left_out_size_bytes"))}); a folder counts once`,
  ];
  if (lost.length > 0) lines.push(oneLine(`  read over SFTP ${lossesText(lost)}`));
  for (const { path, kind, detail } of problems.slice(0, 10)) lines.push(oneLine(`  ! ${displayName(path)}: ${kind}: ${detail}`));
  if (problemCount > 10) lines.push(`  ! and ${problemCount - 10} more`);
  return lines;
}

function planLine(config: CompiledConfig, name: string): string {
  const { source, policy } = config.assets.get(name)!;
  const what =
    source.type === "files"
      ? source.paths.join(", ")
      : source.type === "postgresql"
        ? `database ${source.database}`
        : source.path;
  return `${name}  ${source.type} ${what} -> ${config.policies.get(policy)!.repository}`;
}
