import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { LifeboatCommand } from "./lifeboat-command.ts";
import { StepFailure } from "./step-failure.ts";
import type { Telling } from "./terminal.ts";

/** A line of `lifeboat history --json`: a run that has ended has a result and its figures. */
export interface RunLine {
  readonly job: string;
  readonly kind: string;
  readonly object: string;
  readonly result: string | null;
  readonly cause: string | null;
  readonly backup_start?: string;
  readonly backup_end?: string;
  readonly total_duration?: number;
  readonly total_files_processed?: number;
  readonly total_bytes_processed?: number;
  readonly files_new?: number;
  readonly data_added_packed?: number;
  /** Counted at the SSH channel. */
  readonly bytes_received?: number;
}

export interface AwaitRunsOptions {
  readonly lifeboat: LifeboatCommand;
  readonly telling: Telling;
  readonly signal: AbortSignal;
  /** The service's; as long as it speaks of no more settled runs, nobody needs to ask. */
  readonly logFile: string;
  /** For people: "both backups". */
  readonly what: string;
}

export interface CopiedBackup {
  /** Good ones that ended since `seenFromMs`, oldest first; the last one began after `sinceMs` and is the one that was copied. */
  readonly backups: readonly RunLine[];
  readonly copy: RunLine;
}

export interface Moments {
  /** What a run saw that ended after this is counted. */
  readonly seenFromMs: number;
  /** What is waited for began after this. */
  readonly sinceMs: number;
}

const timeoutMs = 600_000;
const lookEveryMs = 200;

/** Waits for a good backup of each asset that began late enough, and for a replication that began after its end. */
export async function awaitCopiedBackups(
  options: AwaitRunsOptions,
  assets: readonly string[],
  moments: Moments,
): Promise<ReadonlyMap<string, CopiedBackup>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const settled = await countSettled(options.logFile);
    const runs = await options.lifeboat.runJson<RunLine>(["history", "--last", "200"]);
    refuseBadRun(runs);
    const found = new Map<string, CopiedBackup>();
    for (const asset of assets) {
      const copied = findCopied(runs, asset, moments);
      if (copied !== undefined) found.set(asset, copied);
    }
    if (found.size === assets.length) return found;
    if (performance.now() > deadline) {
      const missing = assets.filter((asset) => !found.has(asset)).join(", ");
      throw new StepFailure(
        `${options.what}: nothing within ${timeoutMs / 1000} s for ${missing}`,
        "The service's log above says what it did instead. A machine under heavy load may need a second try.",
      );
    }
    do {
      options.telling.waiting(`${options.what}: ${found.size} of ${assets.length} done`);
      await sleep(lookEveryMs, undefined, { signal: options.signal });
    } while ((await countSettled(options.logFile)) === settled && performance.now() < deadline);
  }
}

function findCopied(runs: readonly RunLine[], asset: string, { seenFromMs, sinceMs }: Moments): CopiedBackup | undefined {
  const good = runs
    .filter(({ object, result }) => object === asset && result === "passed")
    .sort((a, b) => startOf(a) - startOf(b));
  const backups = good.filter((run) => run.kind === "backup" && endOf(run) >= seenFromMs);
  const at = backups.findIndex((run) => startOf(run) >= sinceMs);
  const last = backups[at];
  if (last === undefined) return undefined;
  const copy = good.find((run) => run.kind === "replicate" && startOf(run) >= endOf(last));
  return copy && { backups: backups.slice(0, at + 1), copy };
}

function startOf({ backup_start }: RunLine): number {
  return Date.parse(backup_start ?? "");
}

function endOf({ backup_end }: RunLine): number {
  return Date.parse(backup_end ?? "");
}

async function countSettled(logFile: string): Promise<number> {
  const settled = (await readFile(logFile, "utf8")).split("\n").filter((line) => line.includes('"run settled"'));
  // A good backup alone ends no waiting: its copy comes after it.
  return settled.filter((line) => !(line.includes('"run":"backup/') && line.includes('"result":"passed"'))).length;
}

/** Skipped is no fault here: a slot came while the run before it was still at work. */
function refuseBadRun(runs: readonly RunLine[]): void {
  const bad = runs.find(({ result }) => result !== null && result !== "passed" && result !== "skipped");
  if (bad === undefined) return;
  throw new StepFailure(
    `${bad.job} ended ${bad.result}: ${bad.cause ?? "no cause was recorded"}`,
    `Look at it with: npx lifeboat job show ${bad.job} --config FILE`,
  );
}
