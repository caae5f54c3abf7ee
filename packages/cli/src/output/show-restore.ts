import { assetOfSnapshot } from "@lifeboat/engine";
import type { RestoreOutcome } from "@lifeboat/jobs";
import { type ByteString, displayName, type Overwrite, type RestoreTarget, type TargetState } from "@lifeboat/model";
import type { OpenedSnapshot } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";
import { countOf, formatBytes } from "./format-size.ts";
import { formatAge, formatSpan } from "./format-time.ts";

export interface RestorePatterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

const rules: Record<Overwrite, string> = {
  never: "what stands there stays",
  "if-changed": "what differs there is replaced",
  always: "what stands there is replaced",
};

export function sayRestorePlan(
  session: Session,
  { snapshot, repository }: OpenedSnapshot,
  plan: {
    readonly include: readonly ByteString[];
    /** As they were given: what is restored is only what they leave. */
    readonly patterns: RestorePatterns;
    readonly state: TargetState;
    readonly target: RestoreTarget;
    readonly overwrite: Overwrite | undefined;
  },
): void {
  const { include, patterns, state, target, overwrite } = plan;
  const age = formatAge(session.clock.now(), Date.parse(snapshot.time));
  const what = chosenText(include.map(displayName), patterns);
  session.say(`Plan   ${what} of ${snapshot.id.slice(0, 8)}, ${age} old, from ${repository.store.url}`);
  const kind = !state.exists ? "new folder" : state.empty ? "empty folder" : "not empty";
  const rule = overwrite === undefined ? "nothing is overwritten" : rules[overwrite];
  const place = target.name.replace(/ on worker$/, " on this machine");
  session.say(`       to ${place} (${kind}, ${formatBytes(state.freeBytes)} free); ${rule}`);
  const missing = snapshot.lifeboat?.problem_count ?? 0;
  if (missing > 0)
    session.output.note(`! this snapshot is not whole: ${countOf(missing, "path")} could not be read, or lost content since`);
  if (!state.root) session.say("       owners and devices cannot be set there: the login is not root");
}

/** "what fits '*.conf' or '*.ini' in /etc, except '*.bak',": nobody shall take a part for everything. */
export function chosenText(paths: readonly string[], { include, exclude }: RestorePatterns): string {
  const quoted = (patterns: readonly string[], between: string) => patterns.map((pattern) => `'${pattern}'`).join(between);
  const places = paths.join(", ");
  const fitting =
    include.length === 0 ? places || "everything" : `what fits ${quoted(include, " or ")}${places && ` in ${places}`}`;
  return exclude.length === 0 ? fitting : `${fitting}, except ${quoted(exclude, ", ")},`;
}

export async function sayRestoreOutcome(
  session: Session,
  opened: OpenedSnapshot,
  outcome: RestoreOutcome,
  to: string,
): Promise<void> {
  if (session.json) {
    await session.answer(asJson(session, opened, outcome, to));
    return;
  }
  const { verification, problems, problemCount } = outcome;
  for (const { path, detail } of problems.slice(0, 20))
    session.output.note(`  ! ${path === "" ? "" : `/${displayName(path)}: `}${detail}`);
  if (problemCount > 20) session.output.note(`  ! and ${problemCount - 20} more`);
  if (session.dryRun) {
    session.say(`Dry run: ${describeWork(outcome)}; nothing was written.`);
    return;
  }
  for (const { path, detail } of verification.differences.slice(0, 20)) session.output.note(`  ✗ /${path} ${detail}`);
  const rate = outcome.seconds > 0.5 ? `, ${formatBytes(outcome.bytes / outcome.seconds)}/s` : "";
  const done = `${describeWork(outcome)} in ${formatSpan(outcome.seconds)}${rate}`;
  if (verification.differenceCount > 0) {
    session.output.note(`✗ ${done}; ${countOf(verification.differenceCount, "difference")} from the snapshot: do not use ${to}`);
    return;
  }
  const looked =
    verification.filesRead > 0
      ? `all contents of ${countOf(verification.filesRead, "file")} read back and equal`
      : `names, sizes, modes and times of ${countOf(verification.compared, "entry", "entries")} are as in the snapshot`;
  const start = problemCount > 0 ? `! incomplete (${countOf(problemCount, "problem")}):` : "✓";
  session.say(`${start} ${done}; ${looked}${describeNotSet(outcome)}`);
}

function describeWork({ files, bytes, replaced, unchanged, kept, bytesRead }: RestoreOutcome): string {
  const parts = [`${countOf(files, "file")}, ${formatBytes(bytes)}`];
  if (replaced > 0) parts.push(`${countOf(replaced, "thing")} there replaced`);
  if (unchanged.files > 0) parts.push(`${countOf(unchanged.files, "file")}, ${formatBytes(unchanged.bytes)} there unchanged`);
  if (kept > 0) parts.push(`${countOf(kept, "thing")} there kept`);
  if (bytesRead > 0 && unchanged.files + kept > 0) parts.push(`${formatBytes(bytesRead)} read from the repository`);
  return parts.join("; ");
}

/** What only root may set, with its counts. */
function describeNotSet({ verification, devicesNotMade, attributesNotSet, root }: RestoreOutcome): string {
  const counts: string[] = [];
  if (verification.ownersNotSet > 0) counts.push(`${countOf(verification.ownersNotSet, "owner")} not set`);
  if (devicesNotMade > 0) counts.push(`${countOf(devicesNotMade, "device node")} not made`);
  if (attributesNotSet > 0) counts.push(`${countOf(attributesNotSet, "attribute")} not set`);
  return counts.length === 0 ? "" : `; ${counts.join(", ")}${root ? "" : " (not root)"}`;
}

function asJson(session: Session, { snapshot }: OpenedSnapshot, outcome: RestoreOutcome, to: string): object {
  const { verification, problems, problemCount, unchanged, kept } = outcome;
  const ok = verification.differenceCount === 0;
  return {
    message_type: "summary",
    schema: "lifeboat.restore/1",
    ...(session.dryRun && { dry_run: true }),
    result: !ok ? "failed" : problemCount > 0 || session.isIncomplete ? "incomplete" : "passed",
    snapshot_id: snapshot.id,
    asset: assetOfSnapshot(snapshot) ?? null,
    target: to,
    total_files: outcome.files + unchanged.files,
    files_restored: outcome.files,
    files_skipped: unchanged.files,
    total_bytes: outcome.bytes + unchanged.bytes,
    bytes_restored: outcome.bytes,
    bytes_skipped: unchanged.bytes,
    replaced: outcome.replaced,
    kept,
    bytes_read: outcome.bytesRead,
    seconds_elapsed: outcome.seconds,
    error_count: problemCount,
    errors: problems.map(({ path, detail }) => ({ path: displayName(path), message: detail })),
    not_set: {
      owners: verification.ownersNotSet,
      device_nodes: outcome.devicesNotMade,
      attributes: outcome.attributesNotSet,
    },
    verified: {
      ok,
      compared: verification.compared,
      files_read: verification.filesRead,
      difference_count: verification.differenceCount,
      differences: verification.differences,
      owners_not_set: verification.ownersNotSet,
    },
  };
}
