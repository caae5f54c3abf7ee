import { resolve } from "node:path";
import { refuseFull, runRestore } from "@lifeboat/jobs";
import {
  type ByteString,
  byteString,
  exitCodes,
  LifeboatError,
  messageOf,
  type Overwrite,
  type RestoreTarget,
  type TargetState,
} from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { showProgress } from "../output/show-progress.ts";
import { sayRestoreOutcome, sayRestorePlan } from "../output/show-restore.ts";
import { type OpenedSnapshot, openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import { patternTexts, readPatterns } from "../session/read-patterns.ts";
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
    { flags: "--to <TARGET>", description: "folder to restore into: DIR here, or HOST:DIR over SSH" },
    { flags: "--to-postgres <DATABASE>", description: "HOST/DATABASE, or DATABASE on this machine: a dump into a new database" },
    { flags: "--to-sqlite <FILE>", description: "HOST:FILE or FILE: a dump into a new database file" },
    {
      flags: "--overwrite <WHEN>",
      description: "for a folder that is not empty: what happens to files that stand where the snapshot has one",
      choices: ["never", "if-changed", "always"],
    },
    { flags: "--resume", description: "complete a restore that was stopped: as --overwrite if-changed" },
    {
      flags: "--verify-existing",
      description: "read files that look the same where they stand, and compare their content and attributes with the snapshot",
    },
    { flags: "--path <PATH...>", description: "only this path of the snapshot" },
    { flags: "--include <PATTERN...>", description: "only what fits, with all below: '*.conf', '/srv/www/**/*.jpg'" },
    { flags: "--exclude <PATTERN...>", description: "not what fits, nor what is below" },
    { flags: "--iinclude <PATTERN...>", description: "as --include, whether upper or lower case" },
    { flags: "--iexclude <PATTERN...>", description: "as --exclude, whether upper or lower case" },
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
    { command: "lifeboat restore web1/etc@latest --include '*.conf' --to DIR", does: "some files, wherever they lie" },
    { command: "lifeboat restore db1/shop@latest --to-postgres db1/shop_restored", does: "a dump into a new database" },
    {
      command: "lifeboat restore web1/uploads@latest --to web1:/srv/restore --resume",
      does: "go on after an interruption: move only what is missing or differs",
    },
    { command: "lifeboat restore latest --repo /srv/repo --password-file F --to DIR", does: "with bare hands" },
  ],
  details:
    "Restored paths lie below the folder with their full path (DIR/srv/www/...). A folder that is not empty is refused unless --overwrite\n" +
    "or --resume says what happens to what stands in it:\n" +
    "  never        what stands there stays; only what is missing is restored\n" +
    "  if-changed   what differs from the snapshot in type, size, time, mode or owner is replaced (--resume)\n" +
    "  always       everything is replaced\n" +
    "What is replaced is written beside the old and renamed over it when it is complete. Nothing that the snapshot does not have is\n" +
    "removed, and nothing is written through a link that leads out of the folder.\n" +
    "After the restore the target is compared with the snapshot; exit code 6 when it differs, 3 when parts could not be restored.",
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
  const include = await includeOf(opened, values);
  const { host, folder } = targetOf(to, opened);
  const overwrite = overwriteOf(values);
  let hasBegun = false;
  const outcome = await runRestore(opened.context, {
    repository: opened.repository,
    snapshot: opened.snapshot,
    include,
    isIncluded: readPatterns(values, "include"),
    isExcluded: readPatterns(values, "exclude"),
    host,
    folder,
    verify: values.flag("read-back") ? "content" : "metadata",
    verifyExisting: values.flag("verify-existing"),
    dryRun: session.dryRun,
    confirm: async (state, target) => {
      const chosen = state.exists && !state.empty ? (overwrite ?? (await askAboutFull(session, state, target))) : undefined;
      const patterns = { include: patternTexts(values, "include"), exclude: patternTexts(values, "exclude") };
      sayRestorePlan(session, opened, { include, patterns, state, target, overwrite: chosen });
      hasBegun = !session.dryRun;
      return chosen;
    },
  }).catch((error: unknown) => {
    throw hasBegun && session.signal.aborted ? stoppedHalfway(session.signal.reason, to) : error;
  });
  session.output.status(undefined);
  await sayRestoreOutcome(session, opened, outcome, to);
  if (outcome.verification.differenceCount > 0) return exitCodes.checkFailed;
  return outcome.problemCount > 0 ? exitCodes.incomplete : exitCodes.passed;
}

function overwriteOf(values: OptionValues): Overwrite | undefined {
  const said = values.text("overwrite") as Overwrite | undefined;
  if (values.flag("resume")) {
    if (said === undefined || said === "if-changed") return "if-changed";
    throw new LifeboatError("usage", `--resume means --overwrite if-changed, not ${said}`, {
      hint: "Leave one of the two away.",
    });
  }
  if (values.flag("verify-existing") && said !== "if-changed") {
    throw new LifeboatError("usage", "--verify-existing says nothing without --resume or --overwrite if-changed", {
      hint: "Add --overwrite if-changed.",
    });
  }
  return said;
}

/** A yes lets what is missing come in beside what stands there, no more. */
async function askAboutFull(session: Session, state: TargetState, target: RestoreTarget): Promise<Overwrite> {
  const question = `${target.name} is not empty. Restore what is missing there, and leave alone what stands there? [y/N] `;
  const answer = session.json ? undefined : await session.output.ask(question, session.signal);
  if (answer === undefined) refuseFull(state, target);
  else if (/^y(es)?$/i.test(answer.trim())) return "never";
  throw new LifeboatError("cancelled", "not confirmed; nothing was written", { context: { state: "nothing was written" } });
}

function stoppedHalfway(reason: unknown, to: string): LifeboatError {
  return new LifeboatError("cancelled", messageOf(reason), {
    hint: "Run the same command with --resume to go on.",
    context: { state: `what was restored until then stands in ${to}; no file was replaced by half of one` },
  });
}

async function includeOf(opened: OpenedSnapshot, values: OptionValues): Promise<readonly ByteString[]> {
  const paths = await Promise.all(values.texts("path").map((path) => opened.pathOf(path)));
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
