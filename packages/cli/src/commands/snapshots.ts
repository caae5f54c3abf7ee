import { filterSnapshots, lastingId, type Snapshot } from "@lifeboat/engine";
import { openChosenRepository, type RepositoryChoice } from "@lifeboat/jobs";
import { type CompiledConfig, exitCodes, isPinned, LifeboatError, parseDuration } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { sourceOfSnapshot } from "../output/describe-snapshot.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { formatAge, formatLocal, zoneName } from "../output/format-time.ts";
import { renderTable } from "../output/render-table.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { loadConfigIfThere } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { snapshotFilterOptions } from "../session/open-snapshot.ts";
import { readLimits } from "../session/read-limits.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { tellDamagedSnapshot } from "../session/tell-damaged-snapshot.ts";

export const snapshots: CommandSpec = {
  arguments: [{ name: "[asset]", description: "only snapshots of this asset, HOST/SOURCE" }],
  repository: true,
  options: [
    ...snapshotFilterOptions,
    { flags: "--path <PATH...>", description: "only snapshots of exactly this path" },
    { flags: "--since <DURATION>", description: "only those of the last 4h, 3d, 2w" },
    { flags: "--pinned", description: "only those that are pinned" },
    { flags: "--last <COUNT>", description: "only the newest ones" },
  ],
  examples: [
    { command: "lifeboat snapshots", does: "of every repository of the configuration" },
    { command: "lifeboat snapshots db1/shop --since 4h", does: "of one asset, of the last four hours" },
    { command: "lifeboat snapshots --pinned", does: "what no forget takes" },
    { command: "lifeboat snapshots --repo /srv/repo --password-file F", does: "with bare hands" },
    { command: "lifeboat snapshots --json", does: "an array with restic's field names" },
  ],
  details: "See also: snapshots show, forget, pin, unpin.",
  run: listSnapshots,
};

/** One snapshot, and every repository that holds it or a copy of it. */
interface Row {
  readonly snapshot: Snapshot;
  readonly sites: string[];
}

async function listSnapshots(session: Session, values: OptionValues): Promise<number> {
  const { config, choices } = await chooseAll(session, values);
  const context = openJobContext(session, { config, writes: false });
  const rows = new Map<string, Row>();
  const failures: unknown[] = [];
  const everything = new Set<string>();
  const tell = tellDamagedSnapshot(session);
  let damaged = 0;
  for (const { site, choice } of choices) {
    try {
      const repository = await openChosenRepository(context, choice);
      const onDamaged = (id: string, error: LifeboatError) => {
        damaged++;
        tell(id, error);
      };
      const listed = await repository.listSnapshots({ signal: session.signal, onDamaged }).finally(() => repository.close());
      for (const snapshot of listed) everything.add(contentKey(snapshot));
      for (const snapshot of filterSnapshots(listed, filterOf(values))) {
        const key = contentKey(snapshot);
        const known = rows.get(key);
        if (known === undefined) rows.set(key, { snapshot, sites: [site] });
        // A site may hold it twice: as it was copied, and as it was pinned since.
        else if (!known.sites.includes(site)) known.sites.push(site);
      }
    } catch (error) {
      // One site that is down must not hide what the others hold.
      if (choices.length === 1 || session.signal.aborted) throw error;
      failures.push(error);
      session.output.note(`repository ${site}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const all = [...rows.values()].sort((a, b) => Date.parse(a.snapshot.time) - Date.parse(b.snapshot.time));
  const shown = limit(session, values, all);
  if (session.json) {
    const list = shown.map(({ snapshot, sites }) => ({ ...snapshot, short_id: snapshot.id.slice(0, 8), repositories: sites }));
    await session.output.line(JSON.stringify(list));
  } else if (all.length > 0 || damaged === 0)
    await print(session, timeZoneOf(config), shown, everything.size, choices.length > 1);
  const [first] = failures;
  if (failures.length > 0 && failures.length === choices.length) throw first;
  return failures.length + damaged > 0 ? exitCodes.incomplete : exitCodes.passed;
}

/** The same for a snapshot and its copies; repaired or rewritten it holds something else, whatever it was made from. */
function contentKey(snapshot: Snapshot): string {
  return `${lastingId(snapshot)} ${snapshot.tree}`;
}

interface Site {
  readonly site: string;
  readonly choice: RepositoryChoice;
}

/** All repositories of the configuration, unless one is named. */
async function chooseAll(
  session: Session,
  values: OptionValues,
): Promise<{ readonly config: CompiledConfig | undefined; readonly choices: readonly Site[] }> {
  const config = values.text("repo") === undefined ? await loadConfigIfThere(session) : undefined;
  if (config !== undefined)
    return {
      config,
      choices: [...config.repositories.keys()].map((name) => ({
        site: name,
        choice: { name, limits: readLimits(values, config, name) },
      })),
    };
  const chosen = await chooseRepository(session, values);
  const site = "name" in chosen.choice ? chosen.choice.name : chosen.choice.url;
  return { config: chosen.config, choices: [{ site, choice: chosen.choice }] };
}

function filterOf(values: OptionValues) {
  const [asset] = values.words;
  return { asset, host: values.text("host"), tags: values.texts("tag"), paths: values.texts("path") };
}

function limit(session: Session, values: OptionValues, rows: readonly Row[]): readonly Row[] {
  const since = values.text("since");
  const seconds = since === undefined ? undefined : parseDuration(since);
  if (since !== undefined && seconds === undefined)
    throw new LifeboatError("usage", `--since "${since}" is no duration like 4h or 3d`);
  const last = values.text("last");
  if (last !== undefined && !/^[1-9][0-9]{0,8}$/.test(last)) throw new LifeboatError("usage", `--last "${last}" is no number`);
  const wanted = values.flag("pinned") ? rows.filter(({ snapshot }) => isPinned(snapshot)) : rows;
  const young =
    seconds === undefined
      ? wanted
      : wanted.filter(({ snapshot }) => Date.parse(snapshot.time) >= session.clock.now() - seconds * 1000);
  return last === undefined ? young : young.slice(-Number(last));
}

async function print(session: Session, timezone: string, rows: readonly Row[], total: number, withSites: boolean): Promise<void> {
  if (rows.length === 0) {
    session.say(
      total === 0
        ? "no snapshots yet; 'lifeboat backup run ASSET' makes the first one"
        : `none of ${countOf(total, "snapshot")} fits; leave the filter out to see ${total === 1 ? "it" : "them"}`,
    );
    return;
  }
  const now = session.clock.now();
  const columns = [
    { head: "ID" },
    { head: `TAKEN (${zoneName(now, timezone)})` },
    { head: "AGE", align: "right" as const },
    { head: "SIZE", align: "right" as const },
    { head: "NEW", align: "right" as const },
    ...(withSites ? [{ head: "SITES" }] : []),
    { head: "OF" },
  ];
  const cells = rows.map(({ snapshot, sites }) => [
    snapshot.id.slice(0, 8),
    formatLocal(Date.parse(snapshot.time), timezone, true),
    formatAge(now, Date.parse(snapshot.time)),
    snapshot.summary === undefined ? "?" : formatBytes(snapshot.summary.total_bytes_processed),
    snapshot.summary === undefined ? "?" : formatBytes(snapshot.summary.data_added),
    ...(withSites ? [sites.join(", ")] : []),
    nameOf(snapshot),
  ]);
  for (const line of renderTable(columns, cells)) await session.output.line(line);
  session.say(
    rows.length === total ? `${total} ${total === 1 ? "snapshot" : "snapshots"}` : `${rows.length} of ${total} snapshots`,
  );
}

/** The asset, or host and paths for what another program wrote; files that could not be read are part of the name. */
function nameOf(snapshot: Snapshot): string {
  const name = sourceOfSnapshot(snapshot);
  const problems = snapshot.lifeboat?.problem_count ?? 0;
  const notes = [problems === 0 ? "" : `incomplete: ${problems} unreadable`, isPinned(snapshot) ? "pinned" : ""].filter(Boolean);
  return notes.length === 0 ? name : `${name} (${notes.join("; ")})`;
}
