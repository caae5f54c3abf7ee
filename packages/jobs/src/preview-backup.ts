import { changeOf, matchListing } from "@lifeboat/engine";
import type { FileEntry, LeftOutReason, Machine, SourceProblem } from "@lifeboat/model";
import { assetTag, findAsset } from "./find-asset.ts";
import type { JobContext } from "./job-context.ts";
import { openFiles } from "./open-files.ts";
import { openMachine } from "./open-machine.ts";
import { openChosenRepository, type RepositoryChoice } from "./open-repository.ts";

export interface PreviewFinding {
  readonly entry: FileEntry;
  readonly what: "new" | "changed" | LeftOutReason;
}

export interface PreviewOrder {
  readonly asset: string;
  /** Instead of the policy's repository. */
  readonly repository?: RepositoryChoice | undefined;
  /** Told of everything that would be read or that is left out, as it is found. */
  readonly found?: ((some: readonly PreviewFinding[]) => Promise<void>) | undefined;
}

/** What a backup of files would find now, by restic's names where it has them. */
export interface BackupPreview {
  readonly parent: string | undefined;
  readonly figures: Readonly<Record<string, number>>;
  /** The first hundred; `problemCount` has all. */
  readonly problems: readonly SourceProblem[];
  readonly problemCount: number;
  readonly lost: readonly string[];
}

const maxProblemsKept = 100;

/**
 * Lists the source and compares it with the last snapshot of the asset. Nothing is read of the files and nothing is written anywhere,
 * no lock either. Errors: as opening a repository and a machine, `source-missing`, and whatever ends a listing.
 */
export async function previewBackup(context: JobContext, order: PreviewOrder): Promise<BackupPreview> {
  const { asset, policy } = findAsset(context, order.asset);
  const { signal } = context;
  const repository = await openChosenRepository(context, order.repository ?? { name: policy.repository });
  let machine: Machine | undefined;
  try {
    const parent = (await repository.listSnapshots({ signal })).findLast(({ tags }) => tags?.includes(assetTag(asset.name)));
    if (parent !== undefined) await repository.loadIndex({ signal });
    machine = await openMachine(context, asset.host);
    const source = await openFiles(context, machine, asset);
    const tally = new PreviewTally(order);
    const { problem, leftOut } = tally;
    for await (const matches of matchListing({ repository, tree: parent?.tree, source, signal, problem, leftOut })) {
      for (const { entry, node } of matches) if (entry !== undefined) tally.take(entry, changeOf(entry, node));
      await order.found?.(tally.findings.splice(0));
    }
    await order.found?.(tally.findings);
    const { figures, problems, problemCount } = tally;
    return { parent: parent?.id, figures, problems, problemCount, lost: source.lost?.() ?? [] };
  } finally {
    await machine?.close();
    await repository.close();
  }
}

class PreviewTally {
  readonly #isToTell: boolean;
  /** Since the last time that somebody was told. */
  readonly findings: PreviewFinding[] = [];
  readonly figures: Record<string, number> = {
    files_new: 0,
    files_changed: 0,
    files_unmodified: 0,
    dirs_new: 0,
    dirs_changed: 0,
    dirs_unmodified: 0,
    total_files_processed: 0,
    total_bytes_processed: 0,
    bytes_to_read: 0,
    left_out_pattern: 0,
    left_out_tag: 0,
    left_out_size: 0,
    left_out_size_bytes: 0,
  };
  readonly problems: SourceProblem[] = [];
  problemCount = 0;

  constructor(order: PreviewOrder) {
    this.#isToTell = order.found !== undefined;
  }

  readonly problem = (problem: SourceProblem) => {
    this.problemCount++;
    if (this.problems.length < maxProblemsKept) this.problems.push(problem);
  };

  readonly leftOut = (entry: FileEntry, reason: LeftOutReason) => {
    this.#add(`left_out_${reason}`, 1);
    if (reason === "size") this.#add("left_out_size_bytes", entry.size);
    if (this.#isToTell) this.findings.push({ entry, what: reason });
  };

  take(entry: FileEntry, change: "new" | "changed" | "unmodified"): void {
    if (entry.type === "dir") this.#add(`dirs_${change}`, 1);
    else if (entry.type === "file") {
      this.#add(`files_${change}`, 1);
      this.#add("total_files_processed", 1);
      this.#add("total_bytes_processed", entry.size);
      // Names of one inode are read once; which of them is new cannot be told before.
      if (change !== "unmodified") this.#add("bytes_to_read", entry.size);
    }
    if (this.#isToTell && change !== "unmodified") this.findings.push({ entry, what: change });
  }

  #add(figure: string, amount: number): void {
    this.figures[figure] = (this.figures[figure] ?? 0) + amount;
  }
}
