import { BlobReader, changeOf, listTree, matchListing, type Repository, type Snapshot, type TreeNode } from "@lifeboat/engine";
import {
  type ByteString,
  type CompiledAsset,
  displayName,
  type FileEntry,
  type FileHash,
  type FileSource,
  isLifeboatError,
  type RunResult,
  type SourceProblem,
  worstResult,
} from "@lifeboat/model";
import { hashByReading } from "./hash-by-reading.ts";
import type { JobContext } from "./job-context.ts";
import { openFiles } from "./open-files.ts";
import { openMachine } from "./open-machine.ts";
import { Sample, type SampleSize } from "./sample-files.ts";
import { hashOfContent } from "./verify-restored.ts";

export interface VerifyLiveOrder {
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  /** One of files; its host is listed. */
  readonly asset: CompiledAsset;
  readonly sample: SampleSize;
  /** The same seed chooses the same files of the same listing. */
  readonly seed: number;
  /** Share of the snapshot's entries that may be missing now, that may be new, and of its files that may have changed. */
  readonly tolerance: number;
}

export interface LiveFinding {
  readonly path: string;
  readonly detail: string;
}

export interface VerifyLiveReport {
  readonly result: RunResult;
  /** Why the result is not passed, one sentence each, the worst first. */
  readonly causes: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  /** Files that claim to be unchanged and are not, and those that the repository cannot give back. The first hundred. */
  readonly differences: readonly LiveFinding[];
  readonly differenceCount: number;
  /** What could not be compared. The first hundred. */
  readonly unknown: readonly LiveFinding[];
  readonly unknownCount: number;
  /** In the snapshot alone, with all that it holds. The first hundred. */
  readonly missing: readonly string[];
  readonly lost: readonly string[];
}

const maxFindingsKept = 100;
const maxLeftOutKept = 1_000_000;
const maxMissingKept = 1_000_000;

interface MissingNode {
  readonly path: ByteString;
  readonly node: TreeNode;
}

interface SampledFile {
  readonly entry: FileEntry;
  readonly content: readonly string[];
}

/**
 * Compares a host as it is now with a snapshot of it: all entries by their attributes, and of the files that claim to be unchanged a sample
 * by content. The hashes of the one side are computed on the host, those of the other from the repository's data, so that both are proven.
 * Nothing is written anywhere, no lock either. Errors: whatever ends a listing or reaching the two.
 */
export async function verifyLive(context: JobContext, order: VerifyLiveOrder): Promise<VerifyLiveReport> {
  const machine = await openMachine(context, order.asset.host);
  try {
    await order.repository.loadIndex({ signal: context.signal });
    return await new LiveVerification(context, order, await openFiles(context, machine, order.asset)).run();
  } finally {
    await machine.close();
  }
}

class LiveVerification {
  readonly #context: JobContext;
  readonly #order: VerifyLiveOrder;
  readonly #source: FileSource;
  readonly #differences = new Findings();
  readonly #unknown = new Findings();
  readonly #figures = {
    snapshot_entries: 0,
    live_entries: 0,
    entries_missing: 0,
    entries_new: 0,
    files_unchanged: 0,
    files_changed: 0,
    files_left_out: 0,
    files_sampled: 0,
    files_compared: 0,
    files_changed_meanwhile: 0,
    bytes_compared: 0,
  };
  readonly #missing: MissingNode[] = [];
  readonly #leftOut = new Set<ByteString>();
  readonly #unlisted: ByteString[] = [];

  readonly #started: number;
  #nextTold = 0;

  constructor(context: JobContext, order: VerifyLiveOrder, source: FileSource) {
    this.#started = context.clock.now();
    this.#context = context;
    this.#order = order;
    this.#source = source;
  }

  async run(): Promise<VerifyLiveReport> {
    const sample = await this.#compareListing();
    await this.#countMissing();
    await this.#compareContent(sample);
    return this.#report(sample.length);
  }

  async #compareListing(): Promise<readonly SampledFile[]> {
    const { repository, snapshot, sample: size, seed } = this.#order;
    const { signal } = this.#context;
    const sample = new Sample<SampledFile>(size, seed);
    const figures = this.#figures;
    const problem = (what: SourceProblem) => {
      if (what.kind === "vanished") return;
      this.#unlisted.push(what.path);
      this.#unknown.add(what.path, what.detail);
    };
    const leftOut = ({ path }: FileEntry) => {
      if (this.#leftOut.size < maxLeftOutKept) this.#leftOut.add(path);
    };
    for await (const matches of matchListing({
      repository,
      tree: snapshot.tree,
      source: this.#source,
      signal,
      problem,
      leftOut,
    })) {
      for (const match of matches) {
        const { entry, node } = match;
        if (entry === undefined) {
          if (this.#missing.length < maxMissingKept) this.#missing.push(match);
          else figures.entries_missing++;
          continue;
        }
        // A snapshot has none.
        if (entry.type === "socket") continue;
        figures.live_entries++;
        if (node === undefined) {
          figures.entries_new++;
          continue;
        }
        figures.snapshot_entries++;
        if (entry.type === "dir" && node.type === "dir") continue;
        if (changeOf(entry, node) === "changed") figures.files_changed++;
        else if (entry.type === "file") {
          figures.files_unchanged++;
          if (entry.size > 0) sample.offer({ entry, content: node.content ?? [] });
        }
      }
    }
    return sample.items;
  }

  /** What the source leaves out by now, or could not show, is not missing. */
  async #countMissing(): Promise<void> {
    const { repository } = this.#order;
    const { signal } = this.#context;
    const figures = this.#figures;
    const kept: MissingNode[] = [];
    for (const missing of this.#missing) {
      const { path, node } = missing;
      if (this.#unlisted.some((folder) => path === folder || path.startsWith(`${folder}/`))) continue;
      let count = 1;
      if (node.type === "dir" && node.subtree !== undefined) {
        for await (const _ of listTree(repository, node.subtree, "/" as ByteString, { recursive: true, signal })) count++;
      }
      if (this.#leftOut.has(path)) {
        figures.files_left_out += count;
        continue;
      }
      figures.entries_missing += count;
      kept.push(missing);
    }
    this.#missing.splice(0, this.#missing.length, ...kept);
    figures.snapshot_entries += figures.entries_missing;
  }

  async #compareContent(sample: readonly SampledFile[]): Promise<void> {
    const { signal } = this.#context;
    const entries = sample.map(({ entry }) => entry);
    const hash = this.#source.hash ?? ((files, options) => hashByReading(this.#source, files, options));
    const figures = this.#figures;
    figures.files_sampled = sample.length;
    // At the same time: the host reads its disks while the repository's data come.
    const [live, stored] = await Promise.all([hash(entries, { signal }), this.#storedHashes(sample)]);
    for (const [at, { entry }] of sample.entries()) {
      const now = live[at] as FileHash;
      const then = stored[at];
      if (typeof then !== "string")
        this.#differences.add(entry.path, `the repository cannot give it back: ${then?.message ?? "no answer"}`);
      if (now.state === "changed") figures.files_changed_meanwhile++;
      else if (now.state === "unreadable") this.#unknown.add(entry.path, `could not be hashed on the host: ${now.detail}`);
      else if (typeof then === "string") {
        figures.files_compared++;
        figures.bytes_compared += entry.size;
        if (now.sha256 !== then)
          this.#differences.add(entry.path, "has other content than the snapshot, with the same size and times");
      }
    }
  }

  /** SHA-256 of each file by the repository's verified data; an error where these are damaged or gone. */
  async #storedHashes(sample: readonly SampledFile[]): Promise<(string | Error)[]> {
    const { signal } = this.#context;
    const reader = new BlobReader(this.#order.repository);
    const hashes: (string | Error)[] = [];
    try {
      for (const { entry, content } of sample) {
        try {
          hashes.push(await hashOfContent(reader, content, signal));
        } catch (error) {
          if (!isLifeboatError(error, "repository-damaged")) throw error;
          hashes.push(error);
        }
        this.#tell(entry, hashes.length / sample.length);
      }
    } finally {
      await reader.close();
    }
    return hashes;
  }

  #tell(entry: FileEntry, ratio: number): void {
    const { clock, progress } = this.#context;
    const now = clock.now();
    if (progress === undefined || now < this.#nextTold) return;
    this.#nextTold = now + 250;
    progress({
      message_type: "status",
      phase: "comparing content",
      seconds_elapsed: Math.round((now - this.#started) / 1000),
      percent_done: ratio,
      current_files: [displayName(entry.path)],
    });
  }

  #report(sampled: number): VerifyLiveReport {
    const figures = this.#figures;
    const { tolerance } = this.#order;
    const failures: string[] = [];
    const doubts: string[] = [];
    const exceeds = (count: number, of: number) => count > of * tolerance;
    const percent = `${Number((tolerance * 100).toFixed(4))}%`;
    if (this.#differences.count > 0)
      failures.push(`${countOf(this.#differences.count, "file differs", "files differ")} from the snapshot`);
    for (const [count, of, what] of [
      [figures.entries_missing, figures.snapshot_entries, "entries of the snapshot are missing"],
      [figures.entries_new, figures.snapshot_entries, "entries are new since the snapshot"],
      [figures.files_changed, figures.files_changed + figures.files_unchanged, "files have changed since the snapshot"],
    ] as const) {
      if (exceeds(count, of)) failures.push(`${count} of ${of} ${what}: more than the tolerance of ${percent}`);
    }
    if (this.#unknown.count > 0) doubts.push(`${countOf(this.#unknown.count, "path", "paths")} could not be looked at`);
    if (sampled > 0 && figures.files_compared === 0 && this.#differences.count === 0)
      doubts.push("no file of the sample could be compared");
    if (sampled === 0 && figures.files_unchanged === 0 && figures.snapshot_entries > 0) {
      doubts.push("no file is as the snapshot has it, so that no content could be compared");
    }
    const results: RunResult[] = [
      "passed",
      ...(failures.length > 0 ? (["failed"] as const) : []),
      ...(doubts.length > 0 ? (["inconclusive"] as const) : []),
    ];
    return {
      result: worstResult(results),
      causes: [...failures, ...doubts],
      figures,
      differences: this.#differences.first,
      differenceCount: this.#differences.count,
      unknown: this.#unknown.first,
      unknownCount: this.#unknown.count,
      missing: this.#missing.slice(0, maxFindingsKept).map(({ path }) => displayName(path)),
      lost: this.#source.lost?.() ?? [],
    };
  }
}

class Findings {
  readonly first: LiveFinding[] = [];
  count = 0;

  add(path: ByteString, detail: string): void {
    this.count++;
    if (this.first.length < maxFindingsKept) this.first.push({ path: displayName(path), detail });
  }
}

function countOf(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
