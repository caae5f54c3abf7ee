import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { createBucket, type ObjectStore, startCeph } from "../services/index.ts";
import type { BenchOptions, PairRowName } from "./bench-options.ts";
import { type BenchStage, makeBigFile, readyLifeboat, settleDisk, storeEnvironment } from "./bench-stage.ts";
import { type Measured, measureCommand } from "./measure-command.ts";

/** Lifeboat and restic do the same work, one after the other. */
export interface PairRow {
  readonly name: PairRowName;
  readonly work: string;
  readonly goal: { readonly wall: number; readonly cpu: number; readonly mebibytes: number };
  readonly lifeboat: Measured[];
  readonly restic: Measured[];
}

type Rows = Record<PairRowName, PairRow>;

/** The rows of `wanted`, measured; a row that others begin with is run for them. */
export async function measurePairRows(
  stage: BenchStage,
  options: BenchOptions,
  wanted: ReadonlySet<string>,
): Promise<readonly PairRow[]> {
  const { bigMebibytes, pairs } = options;
  const row = (name: PairRowName, work: string, wall: number, cpu: number, mebibytes: number): PairRow => ({
    ...{ name, work, goal: { wall, cpu, mebibytes } },
    ...{ lifeboat: [], restic: [] },
  });
  const rows: Rows = {
    big: row("big", `first backup, ${bigMebibytes} MiB incompressible file`, 0.6, 0.65, 350),
    small: row("small", `first backup, many small files (${options.tree})`, 0.7, 0.7, 350),
    unchanged: row("unchanged", "backup, nothing changed", 1.0, 1.0, 500),
    restore: row("restore", "restore of that tree", 0.4, 0.3, 350),
    check: row("check", "check, all data read", 0.6, 0.6, 350),
  };
  const big = join(stage.folder, "big");
  const small = join(stage.folder, "small");
  if (wanted.has("big") || wanted.has("check")) await makeBigFile(join(big, "file"), bigMebibytes);
  if (!existsSync(small)) cpSync(options.tree, small, { recursive: true, verbatimSymlinks: true });
  const peers: Peer[] = [lifeboatPeer, ...(stage.restic === undefined ? [] : [resticPeer])];
  for (let pair = 1; pair <= pairs; pair++) {
    process.stdout.write(`pair ${pair} of ${pairs}\n`);
    // Who comes first changes, so that a machine that becomes slower or faster favours nobody.
    for (const peer of pair % 2 === 1 ? peers : peers.toReversed()) {
      // Each has a server of its own: this one keeps objects in memory, becomes slower as it fills, and stops at 8 GiB.
      await using store = await startCeph();
      const work = await peer(stage, `pair-${pair}`, store, { big, small });
      if (wanted.has("big") || wanted.has("check")) work.note(rows.big, await work.backUp("big"));
      work.note(rows.small, await work.backUp("small"));
      if (wanted.has("unchanged")) work.note(rows.unchanged, await work.backUp("small"));
      if (wanted.has("restore")) {
        settleDisk();
        // Stays until the end: on ext4 files that were deleted a moment ago slow down whoever makes new ones.
        work.note(rows.restore, await work.restoreSmall(join(stage.folder, `restored-${pair}-${peer.name}`)));
      }
      if (wanted.has("check")) work.note(rows.check, await work.check());
    }
  }
  return Object.values(rows).filter(({ name }) => wanted.has(name));
}

interface PeerWork {
  note(row: PairRow, measured: Measured): void;
  backUp(source: "big" | "small"): Promise<Measured>;
  restoreSmall(target: string): Promise<Measured>;
  check(): Promise<Measured>;
}

type Peer = (
  stage: BenchStage,
  name: string,
  store: ObjectStore,
  sources: { readonly big: string; readonly small: string },
) => Promise<PeerWork>;

const lifeboatPeer: Peer = async (stage, name, store, sources) => {
  const { run } = await readyLifeboat(stage, { name, store, sources });
  return {
    note: (row, measured) => row.lifeboat.push(measured),
    backUp: (source) => run("backup", "run", `web1/${source}`, "--here"),
    restoreSmall: (target) => run("restore", "web1/small@latest", "--to", target),
    check: () => run("repo", "check", "--repo", "main", "--read-data"),
  };
};

const resticPeer: Peer = async (stage, name, store, sources) => {
  const env = {
    ...storeEnvironment(stage, store),
    RESTIC_REPOSITORY: `s3:${store.endpoint}/${await createBucket(store)}/restic`,
    RESTIC_PASSWORD_FILE: stage.passwordFile,
    RESTIC_CACHE_DIR: join(stage.folder, `cache-${name}`),
  };
  const run = (...words: string[]) => measureCommand([stage.restic!, ...words, "--quiet"], env);
  await run("init");
  return {
    note: (row, measured) => row.restic.push(measured),
    backUp: (source) => run("backup", sources[source]),
    restoreSmall: (target) => run("restore", "latest", "--path", sources.small, "--target", target),
    check: () => run("check", "--read-data"),
  };
};
