import {
  archiveDump,
  archiveFiles,
  BlobWriter,
  lastingId,
  type Repository,
  type RepositoryLock,
  type Snapshot,
  type SnapshotFields,
  type SnapshotSummary,
} from "@lifeboat/engine";
import {
  type CompiledAsset,
  type CompiledGuards,
  type CompiledPolicy,
  type DumpFacts,
  displayName,
  type FileSelection,
  formatWithOffset,
  LifeboatError,
  type Machine,
  rfc3339FromMilliseconds,
  type SourceProblem,
  textOf,
} from "@lifeboat/model";
import { assetTag, findAsset, runTag } from "./find-asset.ts";
import type { JobContext } from "./job-context.ts";
import { openFiles } from "./open-files.ts";
import { loadRepositoryCode, type RepositoryChoice } from "./open-repository.ts";
import { type HostOnTheWay, reachHost } from "./reach-host.ts";
import { type Checkpoint, loadCheckpoints, RunCheckpoints } from "./run-checkpoints.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunEnd, RunOrder } from "./run-record.ts";
import { withLockAndView } from "./with-lock.ts";

export interface BackupOrder extends RunOrder {
  /** "HOST/SOURCE". */
  readonly asset: string;
  /** Instead of the policy's repository: for tests and `--repo`. */
  readonly repository?: RepositoryChoice | undefined;
  /** Sealing threads; default by the machine's cores. */
  readonly threads?: number | undefined;
  /** Told when an earlier run was stopped and this one goes on where it was; before anything is read. */
  readonly resumes?: ((checkpoint: Checkpoint) => void) | undefined;
}

export interface BackupOutcome extends JobOutcome {
  readonly snapshot: Snapshot | undefined;
  /** All that the run found in the repository, of every asset; undefined: it did not come so far. */
  readonly found: readonly Snapshot[] | undefined;
}

/**
 * One backup of one asset. The snapshot is the single commit point: killed before it, there is no snapshot, what was stored is
 * reused by the next run, and what stands in a checkpoint is not even read again; killed after it, the next attempt of the same run finds the snapshot by its tag and adopts it.
 * Throws `asset-unknown` only; a failed backup is an outcome.
 */
export async function runBackup(context: JobContext, order: BackupOrder): Promise<BackupOutcome> {
  const { asset, policy } = findAsset(context, order.asset);
  const started = context.clock.now();
  let snapshot: Snapshot | undefined;
  let found: readonly Snapshot[] | undefined;
  const repositoryChoice = order.repository ?? { name: policy.repository };
  const host = reachHost(context, asset, loadRepositoryCode(context, repositoryChoice));
  try {
    const outcome = await runRepositoryJob(context, order, repositoryChoice, async (repository, learn) => {
      // Of use above all when the run fails: which system, which tar, how far its clock is off.
      host.reached.then(({ facts }) => learn({ host: facts })).catch(() => {});
      const backed = await withLockAndView(
        context,
        repository,
        { read: (view, signal) => readState(view, asset, signal) },
        (lock, view, state) => {
          found = state.snapshots;
          return backUp({ context, order, asset, policy, repository: view, state, started, lock, host });
        },
      );
      snapshot = backed.snapshot;
      return { repository: policy.repository, ...backed.end };
    });
    return { ...outcome, snapshot, found };
  } finally {
    await host.leave();
  }
}

interface Backed {
  readonly end: RunEnd;
  readonly snapshot: Snapshot;
}

interface BackupParts {
  readonly context: JobContext;
  readonly order: BackupOrder;
  readonly asset: CompiledAsset;
  readonly policy: CompiledPolicy;
  readonly repository: Repository;
  readonly state: RepositoryState;
  readonly started: number;
  readonly lock: RepositoryLock;
  readonly host: HostOnTheWay;
}

/** What a run finds in the repository. */
interface RepositoryState {
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** Of the asset, by their ids; a dump has none. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>;
  /** What could not be read and is passed over: told once, however often it was read. */
  readonly warnings: readonly { readonly fields: Readonly<Record<string, string>>; readonly message: string }[];
}

/** Reads it, and the index after it: whatever is named is then in the index. */
async function readState(repository: Repository, asset: CompiledAsset, signal: AbortSignal): Promise<RepositoryState> {
  const warnings: { fields: Record<string, string>; message: string }[] = [];
  const [snapshots, checkpoints] = await Promise.all([
    repository.listSnapshots({
      signal,
      // Not to back up would be worse than to read a source anew because its last snapshot cannot be read.
      onDamaged: (id, error) =>
        warnings.push({ fields: { snapshot: id, error: error.message }, message: "a snapshot is damaged and left out" }),
    }),
    asset.source.type === "files"
      ? loadCheckpoints(repository, asset.name, {
          signal,
          onUnreadable: (id, cause) =>
            warnings.push({ fields: { checkpoint: id, cause }, message: "a checkpoint cannot be read and is passed over" }),
        })
      : new Map<string, Checkpoint>(),
  ]);
  await repository.loadIndex({ signal });
  return { snapshots, checkpoints, warnings };
}

async function backUp(parts: BackupParts): Promise<Backed> {
  const { context, order, asset, policy, repository, state, started, lock, host } = parts;
  const { signal } = context;
  const { snapshots } = state;
  for (const { fields, message } of state.warnings) context.logger.warn(fields, message);
  const adopted = snapshots.find((snapshot) => snapshot.tags?.includes(runTag(order.runId)));
  if (adopted !== undefined) return adopt(context, adopted);
  const parent = snapshots.findLast((snapshot) => snapshot.tags?.includes(assetTag(asset.name)));
  const run = { asset: asset.name, run: order.runId, startedMs: started };
  const checkpoints =
    asset.source.type === "files"
      ? RunCheckpoints.choose(context, repository, run, { stored: state.checkpoints, parent })
      : undefined;
  if (checkpoints?.found !== undefined) order.resumes?.(checkpoints.found);
  const { machine, facts } = await host.reached;
  const writer = new BlobWriter(repository, { signal, threads: order.threads });
  try {
    const archived = await archive({ context, asset, machine, repository, writer, parent, started, checkpoints });
    checkGuards(asset, archived, parent);
    await writer.finish();
    const summary = summaryOf(archived, writer, started, context.clock.now());
    const fields: SnapshotFields = {
      time: formatWithOffset(started, policy.schedule.when.timezone),
      ...(parent !== undefined && { parent: parent.id }),
      tree: archived.tree,
      paths: archived.paths,
      hostname: asset.host,
      username: context.owner.username,
      tags: [assetTag(asset.name), runTag(order.runId)],
      ...(asset.source.type === "files" && { excludes: excludesOf(asset.source) }),
      program_version: context.programVersion,
      summary,
      lifeboat: { problem_count: archived.problemCount, ...(archived.lost.length > 0 && { lost: archived.lost }) },
    };
    const prepared = repository.prepareSnapshot(fields);
    // Facts first: facts of a snapshot that never came are harmless, a snapshot without its facts cannot be drilled.
    if (archived.facts !== undefined) await saveFacts(repository, prepared.snapshot, asset, archived.facts);
    await order.fence?.();
    await lock.assertHeld();
    signal.throwIfAborted();
    await prepared.commit();
    const { snapshot } = prepared;
    await checkpoints?.discard();
    const result = archived.problemCount > 0 ? "incomplete" : "passed";
    const cause = archived.problemCount > 0 ? incompleteCause(archived.problems, archived.problemCount) : undefined;
    const figures = {
      ...figuresOf(summary),
      bytes_received: machine.bytesReceived(),
      ...(archived.reconnects > 0 && { reconnects: archived.reconnects }),
      ...(archived.bytesResumed > 0 && { bytes_resumed: archived.bytesResumed }),
      ...(archived.bytesUnmoved > 0 && { bytes_unmoved: archived.bytesUnmoved }),
    };
    return {
      snapshot,
      end: {
        result,
        snapshot: snapshot.id,
        figures,
        problems: archived.problems,
        problemCount: archived.problemCount,
        lost: archived.lost,
        host: facts,
        cause,
      },
    };
  } finally {
    await writer.close();
  }
}

/** A snapshot of this very run exists: an earlier attempt committed it and was killed before it could say so. */
function adopt(context: JobContext, snapshot: Snapshot): Backed {
  context.logger.info({ snapshot: snapshot.id }, "adopted the snapshot of an earlier attempt");
  const problemCount = snapshot.lifeboat?.problem_count;
  const figures = { ...(snapshot.summary && figuresOf(snapshot.summary)), adopted: 1 };
  const end = { snapshot: snapshot.id, figures, problemCount: problemCount ?? 0, lost: snapshot.lifeboat?.lost ?? [] };
  if (problemCount === 0) return { snapshot, end: { ...end, result: "passed" } };
  const cause =
    problemCount === undefined
      ? "an adopted snapshot does not say whether it had unreadable files"
      : incompleteCause([], problemCount);
  return { snapshot, end: { ...end, result: "incomplete", cause } };
}

interface Archived {
  readonly tree: string;
  readonly paths: readonly string[];
  readonly bytes: number;
  readonly files: { readonly new: number; readonly changed: number; readonly unmodified: number };
  readonly dirs: { readonly new: number; readonly changed: number; readonly unmodified: number };
  readonly problems: readonly SourceProblem[];
  readonly problemCount: number;
  readonly facts: DumpFacts | undefined;
  readonly lost: readonly string[];
  readonly bytesResumed: number;
  readonly bytesUnmoved: number;
  readonly reconnects: number;
}

interface ArchiveParts {
  readonly context: JobContext;
  readonly asset: CompiledAsset;
  readonly machine: Machine;
  readonly repository: Repository;
  readonly writer: BlobWriter;
  readonly parent: Snapshot | undefined;
  readonly started: number;
  /** undefined for dumps, which are made anew each time. */
  readonly checkpoints: RunCheckpoints | undefined;
}

function archive(parts: ArchiveParts): Promise<Archived> {
  return parts.asset.source.type === "files" ? archiveFolder(parts) : archiveDatabase(parts);
}

async function archiveFolder(parts: ArchiveParts): Promise<Archived> {
  const { context, asset, machine, repository, writer, parent, checkpoints } = parts;
  const { clock, signal, progress } = context;
  const source = await openFiles(context, machine, asset);
  const { tree, figures, problems, problemCount, bytesResumed, bytesUnmoved, reconnects } = await archiveFiles({
    repository,
    writer,
    source,
    parent,
    checkpoints,
    clock,
    signal,
    progress,
    readWhole: (path, reason) => context.logger.debug({ path: displayName(path), reason }, "a changed file is read whole"),
    connectionLost: ({ error, attempt, delayMilliseconds }) => {
      const fields = { asset: asset.name, error: error.message, attempt, delay_s: delayMilliseconds / 1000 };
      context.logger.warn(fields, "the connection was lost; the run goes on over a new one");
    },
  });
  return {
    tree,
    paths: source.paths.map((path) => textOf(path) ?? path),
    bytes: figures.totalBytes,
    files: { new: figures.filesNew, changed: figures.filesChanged, unmodified: figures.filesUnmodified },
    dirs: { new: figures.dirsNew, changed: figures.dirsChanged, unmodified: figures.dirsUnmodified },
    problems,
    problemCount,
    facts: undefined,
    lost: source.lost?.() ?? [],
    bytesResumed,
    bytesUnmoved,
    reconnects,
  };
}

async function archiveDatabase({ context, asset, machine, writer, parent, started }: ArchiveParts): Promise<Archived> {
  const { createPostgresDump, createSqliteDump } = await import("@lifeboat/remote");
  const { source } = asset;
  const sudo = context.config?.hosts.get(asset.host)?.sudo ?? false;
  const dump =
    source.type === "postgresql"
      ? createPostgresDump(machine, source, {
          password: source.password && (await context.secrets.resolve(source.password, `password of ${asset.name}`)),
        })
      : source.type === "sqlite"
        ? createSqliteDump(machine, source, { sudo })
        : undefined;
  if (dump === undefined) throw new TypeError("not a database source");
  const path = `/${asset.host}/${source.name}.${dump.extension}`;
  const time = rfc3339FromMilliseconds(started);
  const { stream, finished } = await dump.open({ signal: context.signal });
  finished.catch(() => {});
  const startedMs = context.clock.now();
  let nextReport = 0;
  const onBytes = (total: number) => {
    const now = context.clock.now();
    if (now < nextReport) return;
    nextReport = now + 250;
    context.progress?.({
      message_type: "status",
      phase: "dumping",
      seconds_elapsed: Math.round((now - startedMs) / 1000),
      bytes_done: total,
      current_files: [path],
    });
  };
  const { tree, bytes } = await archiveDump({ writer, path, time, stream, onBytes });
  // The bytes are all here; only the program's own verdict makes them a dump.
  const facts = await finished;
  const fresh = { new: parent === undefined ? 1 : 0, changed: parent === undefined ? 0 : 1, unmodified: 0 };
  return {
    tree,
    paths: [path],
    bytes,
    files: fresh,
    dirs: { new: 0, changed: 0, unmodified: 0 },
    problems: [],
    problemCount: 0,
    facts,
    lost: [],
    bytesResumed: 0,
    bytesUnmoved: 0,
    reconnects: 0,
  };
}

/** Broken guards stop the run before its commit: the last good snapshot stays the last. */
function checkGuards(asset: CompiledAsset, archived: Archived, parent: Snapshot | undefined): void {
  const guards: CompiledGuards = asset.source.guards;
  const fail = (text: string) => {
    throw new LifeboatError("guard-broken", `${asset.name}: ${text}; no snapshot was made`);
  };
  if (guards.minBytes !== undefined && archived.bytes < guards.minBytes)
    fail(`${archived.bytes} bytes are less than min_bytes ${guards.minBytes}`);
  if (guards.maxUnreadable !== undefined && archived.problemCount > guards.maxUnreadable) {
    fail(`${archived.problemCount} files could not be read, max_unreadable is ${guards.maxUnreadable}`);
  }
  const before = parent?.summary?.total_bytes_processed;
  if (guards.maxShrinkRatio !== undefined && before !== undefined && archived.bytes < before * (1 - guards.maxShrinkRatio)) {
    fail(
      `${archived.bytes} bytes, the last snapshot had ${before}: shrunk by more than ${Math.round(guards.maxShrinkRatio * 100)} %`,
    );
  }
}

/** As restic writes patterns down; exceptions have its "!". */
function excludesOf({ exclude = [], include = [] }: FileSelection): string[] {
  return [...exclude, ...include.map((glob) => `!${glob}`)];
}

function summaryOf(archived: Archived, writer: BlobWriter, started: number, ended: number): SnapshotSummary {
  const { files, dirs } = archived;
  return {
    backup_start: rfc3339FromMilliseconds(started),
    backup_end: rfc3339FromMilliseconds(ended),
    files_new: files.new,
    files_changed: files.changed,
    files_unmodified: files.unmodified,
    dirs_new: dirs.new,
    dirs_changed: dirs.changed,
    dirs_unmodified: dirs.unmodified,
    data_blobs: writer.figures.dataBlobs,
    tree_blobs: writer.figures.treeBlobs,
    data_added: writer.figures.bytesAdded,
    data_added_packed: writer.figures.bytesAddedPacked,
    total_files_processed: files.new + files.changed + files.unmodified,
    total_bytes_processed: archived.bytes,
  };
}

function figuresOf(summary: SnapshotSummary): Record<string, number> {
  return Object.fromEntries(Object.entries(summary).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

async function saveFacts(repository: Repository, snapshot: Snapshot, asset: CompiledAsset, facts: DumpFacts): Promise<void> {
  await repository.saveSide("facts", {
    schema: "lifeboat.facts/1",
    snapshot: lastingId(snapshot),
    asset: asset.name,
    ...facts,
  } as {
    readonly schema: string;
  });
}

function incompleteCause(problems: readonly SourceProblem[], count: number): string {
  const first = problems[0];
  const detail = first === undefined ? "" : `, first: ${first.detail}`;
  return `${count} ${count === 1 ? "path" : "paths"} could not be read as they should${detail}`.slice(0, 500);
}
