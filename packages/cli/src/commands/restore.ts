import { resolve } from "node:path";
import { assetOfSnapshot } from "@lifeboat/engine";
import { type RestoreOutcome, refuseFull, runRestore } from "@lifeboat/jobs";
import {
  type ByteString,
  byteString,
  displayName,
  exitCodes,
  LifeboatError,
  messageOf,
  type RestoreTarget,
  type TargetState,
} from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { formatAge, formatSpan } from "../output/format-time.ts";
import { showProgress } from "../output/show-progress.ts";
import { type OpenedSnapshot, openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const restore: CommandSpec = {
  arguments: [
    {
      name: "<snapshot>",
      description: "ASSET@WHEN:PATH or a part of it; WHEN: latest, an id, 2026-11-20, 3d, 'before 2026-11-20 14:00'",
    },
  ],
  repository: true,
  writes: true,
  options: [
    { flags: "--to <TARGET>", description: "new or empty folder: DIR here, or HOST:DIR over SSH" },
    { flags: "--to-postgres <DATABASE>", description: "HOST/DATABASE, or DATABASE on this machine: a dump into a new database" },
    { flags: "--to-sqlite <FILE>", description: "HOST:FILE or FILE: a dump into a new database file" },
    { flags: "--path <PATH...>", description: "only this path of the snapshot" },
    { flags: "--db-server <ADDRESS>", description: "PostgreSQL's address or socket folder, as seen from the target's machine" },
    { flags: "--db-port <PORT>", description: "PostgreSQL's port" },
    { flags: "--db-user <USER>", description: "PostgreSQL's user" },
    { flags: "--db-password-file <FILE>", description: "file with that user's password" },
    { flags: "--read-back", description: "afterwards read every byte of the target and compare it with the snapshot" },
    ...snapshotFilterOptions,
  ],
  examples: [
    { command: "lifeboat restore web1/uploads@latest --to /srv/restore", does: "the newest, into a new folder here" },
    {
      command: "lifeboat restore web1/uploads@2026-11-20:/srv/www/2026 --to web1:/srv/restore",
      does: "one folder, back to a host",
    },
    { command: "lifeboat restore db1/shop@latest --to-postgres db1/shop_restored", does: "a dump into a new database" },
    { command: "lifeboat restore latest --repo /srv/repo --password-file F --to DIR", does: "with bare hands" },
  ],
  details:
    "Nothing is ever overwritten: the target is a new or an empty folder. Restored paths lie below it with their full path (DIR/srv/www/...).\n" +
    "After the restore the target is listed and compared with the snapshot; exit code 6 when it differs, 3 when parts could not be restored.",
  run: restoreSnapshot,
};

async function restoreSnapshot(session: Session, values: OptionValues): Promise<number> {
  const postgres = values.text("to-postgres");
  const sqlite = values.text("to-sqlite");
  if (postgres !== undefined || sqlite !== undefined) {
    const { restoreDatabase } = await import("../databases/restore-database.ts");
    return restoreDatabase(session, values);
  }
  const to = values.text("to");
  if (to === undefined)
    throw new LifeboatError("usage", "where to? --to is missing", { hint: "Add --to DIR, or --to HOST:DIR." });
  await using opened = await openSnapshot(session, values, values.word(0), showProgress(session, "restore"));
  const include = includeOf(opened, values);
  const { host, folder } = targetOf(to, opened);
  let hasBegun = false;
  const outcome = await runRestore(opened.context, {
    repository: opened.repository,
    snapshot: opened.snapshot,
    include,
    host,
    folder,
    verify: values.flag("read-back") ? "content" : "metadata",
    confirm: async (state, target) => {
      refuseFull(state, target);
      sayPlan(session, opened, include, state, target);
      if (session.dryRun) throw new DryRunEnd();
      hasBegun = true;
    },
  }).catch((error: unknown) => {
    if (error instanceof DryRunEnd) return undefined;
    throw hasBegun && session.signal.aborted ? stoppedHalfway(session.signal.reason, to) : error;
  });
  session.output.status(undefined);
  if (outcome === undefined) {
    await sayDryRun(session, opened, to);
    return exitCodes.passed;
  }
  await sayOutcome(session, opened, outcome, to);
  if (outcome.verification.differenceCount > 0) return exitCodes.checkFailed;
  return outcome.problemCount > 0 ? exitCodes.incomplete : exitCodes.passed;
}

function stoppedHalfway(reason: unknown, to: string): LifeboatError {
  return new LifeboatError("cancelled", messageOf(reason), {
    hint: "Empty the folder or name another one, then run the command again.",
    context: { state: `what was restored until then stands in ${to}; nothing was overwritten` },
  });
}

/** Ends a restore between looking at its target and writing to it. */
class DryRunEnd extends Error {}

function includeOf(opened: OpenedSnapshot, values: OptionValues): readonly ByteString[] {
  const paths = values.texts("path").map(byteString);
  return opened.path === undefined || opened.path === "/" ? paths : [opened.path, ...paths];
}

/** "HOST:DIR" when HOST is one of the configuration; a folder here otherwise. */
export function targetOf(
  to: string,
  { config }: Pick<OpenedSnapshot, "config">,
): { host: string | undefined; folder: ByteString } {
  const match = /^([a-z0-9][a-z0-9._-]{0,62}):(.+)$/s.exec(to);
  if (match === null) return { host: undefined, folder: byteString(resolve(to)) };
  const [, host = "", folder = ""] = match;
  if (config === undefined) {
    throw new LifeboatError("usage", `host "${host}" of --to ${to} is not known without a configuration`, {
      hint: "Pass --config FILE, or --to DIR for a folder on this machine (./NAME when it has a colon).",
    });
  }
  if (!config.hosts.has(host)) {
    throw new LifeboatError(
      "asset-unknown",
      `there is no host "${host}" in the configuration (known: ${[...config.hosts.keys()].join(", ")})`,
    );
  }
  if (!folder.startsWith("/")) throw new LifeboatError("usage", `the folder on ${host} must be absolute, not "${folder}"`);
  return { host, folder: byteString(folder) };
}

function sayPlan(
  session: Session,
  opened: OpenedSnapshot,
  include: readonly ByteString[],
  state: TargetState,
  target: RestoreTarget,
): void {
  const { snapshot, repository } = opened;
  const age = formatAge(session.clock.now(), Date.parse(snapshot.time));
  const what = include.length === 0 ? "everything" : include.map(displayName).join(", ");
  session.say(`Plan   ${what} of ${snapshot.id.slice(0, 8)}, ${age} old, from ${repository.store.url}`);
  session.say(
    `       to ${target.name.replace(/ on worker$/, " on this machine")} (${state.exists ? "empty" : "new"} folder, ${formatBytes(state.freeBytes)} free); nothing is overwritten`,
  );
  if (!state.root) session.say("       owners and devices cannot be set there: the login is not root");
}

async function sayDryRun(session: Session, { snapshot }: OpenedSnapshot, to: string): Promise<void> {
  if (session.json) await session.answer({ message_type: "summary", dry_run: true, snapshot_id: snapshot.id, target: to });
  else session.say("Dry run: nothing was written.");
}

async function sayOutcome(session: Session, opened: OpenedSnapshot, outcome: RestoreOutcome, to: string): Promise<void> {
  const { verification, problems, problemCount } = outcome;
  const ok = verification.differenceCount === 0;
  if (session.json) {
    await session.answer({
      message_type: "summary",
      schema: "lifeboat.restore/1",
      result: !ok ? "failed" : problemCount > 0 ? "incomplete" : "passed",
      snapshot_id: opened.snapshot.id,
      asset: assetOfSnapshot(opened.snapshot) ?? null,
      target: to,
      total_files: outcome.files,
      files_restored: outcome.files,
      total_bytes: outcome.bytes,
      bytes_restored: outcome.bytes,
      seconds_elapsed: outcome.seconds,
      error_count: problemCount,
      errors: problems.map(({ path, detail }) => ({ path: displayName(path), message: detail })),
      verified: {
        ok,
        compared: verification.compared,
        files_read: verification.filesRead,
        difference_count: verification.differenceCount,
        differences: verification.differences,
        owners_not_set: verification.ownersNotSet,
      },
    });
    return;
  }
  for (const { path, detail } of problems.slice(0, 20))
    session.output.note(`  ! ${path === "" ? "" : `/${displayName(path)}: `}${detail}`);
  if (problemCount > 20) session.output.note(`  ! and ${problemCount - 20} more`);
  for (const { path, detail } of verification.differences.slice(0, 20)) session.output.note(`  ✗ /${path} ${detail}`);
  const rate = outcome.seconds > 0.5 ? `, ${formatBytes(outcome.bytes / outcome.seconds)}/s` : "";
  const done = `${countOf(outcome.files, "file")}, ${formatBytes(outcome.bytes)} in ${formatSpan(outcome.seconds)}${rate}`;
  if (!ok) {
    session.output.note(`✗ ${done}; ${countOf(verification.differenceCount, "difference")} from the snapshot: do not use ${to}`);
    return;
  }
  const looked =
    verification.filesRead > 0
      ? `all contents of ${countOf(verification.filesRead, "file")} read back and equal`
      : `names, sizes, modes and times of ${countOf(verification.compared, "entry", "entries")} are as in the snapshot`;
  const owners = verification.ownersNotSet > 0 ? `; ${countOf(verification.ownersNotSet, "owner")} not set (not root)` : "";
  session.say(`${problemCount > 0 ? `! incomplete (${countOf(problemCount, "problem")}):` : "✓"} ${done}; ${looked}${owners}`);
}
