import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { createLocalStore, type ObjectStore } from "../backend/index.ts";
import { createChacha12Bytes } from "../chunker/chacha12-bytes.ts";
import { initRepository, openRepository } from "../repository/open-repository.ts";
import type { Repository } from "../repository/repository.ts";

/** For tests: repositories in a temporary folder that the machine's own restic writes, reads and judges. */
export const resticPath = "/usr/bin/restic";
export const hasRestic = existsSync(resticPath);
export const password = "test";
export const fixtureClock: Clock = { now: () => 1_800_000_000_000, sleep: async () => {} };

/** A cheap key: every run of restic derives it anew. */
export const initOptions = { clock: fixtureClock, username: "test", hostname: "test", cost: { N: 1024, r: 8, p: 1 } };

export interface ResticRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StockFixture {
  readonly folder: string;
  readonly repositoryPath: string;
  readonly sourcePath: string;
  /** Throws when restic fails. */
  restic(args: readonly string[], repository?: string): string;
  /** Any exit status; -1 when it was stopped after `timeoutMs`. */
  tryRestic(args: readonly string[], repository?: string, timeoutMs?: number): ResticRun;
  open(repository?: string, wrap?: (store: ObjectStore) => ObjectStore): Promise<Repository>;
  /** A copy of the repository to damage, another one each time; gives its path. */
  copyRepository(): string;
  remove(): void;
}

export function createStockFixture(): StockFixture {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-maintenance-"));
  const repositoryPath = join(folder, "repository");
  const sourcePath = join(folder, "source");
  let copies = 0;
  mkdirSync(sourcePath);
  const tryRestic = (args: readonly string[], repository = repositoryPath, timeoutMs = 240_000): ResticRun => {
    const env = { PATH: "/usr/bin:/bin", HOME: folder, TZ: "UTC", RESTIC_PASSWORD: password, RESTIC_REPOSITORY: repository };
    const run = spawnSync(resticPath, ["--no-cache", ...args], { env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 });
    return { status: run.status ?? -1, stdout: run.stdout.toString(), stderr: run.stderr.toString() };
  };
  return {
    folder,
    repositoryPath,
    sourcePath,
    tryRestic,
    restic(args, repository) {
      const run = tryRestic(args, repository);
      if (run.status !== 0) throw new Error(`restic ${args.join(" ")} ended with ${run.status}: ${run.stdout}${run.stderr}`);
      return run.stdout;
    },
    async open(repository = repositoryPath, wrap = (store) => store) {
      const store = wrap(createLocalStore({ path: repository, clock: fixtureClock }));
      return openRepository({ store, location: { url: repository } }, password);
    },
    copyRepository() {
      const path = join(folder, `copy-${++copies}`);
      cpSync(repositoryPath, path, { recursive: true });
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Some large and many small files. `round` 1, 2, ... changes, adds and removes some of them. */
export function changeSource(folder: string, round: number, largeBytes = 6_000_000): void {
  const seed = BigInt(round) * 1000n;
  const uploads = join(folder, "uploads");
  mkdirSync(join(uploads, `round-${round}`, "deep", "er"), { recursive: true });
  for (let number = 0; number < 40; number++) {
    const bytes = createChacha12Bytes(seed + BigInt(number), 300 + number * 97);
    writeFileSync(join(uploads, `round-${round}`, number % 3 === 0 ? "deep" : ".", `file ${number}.bin`), bytes);
  }
  writeFileSync(join(folder, `large-${round}.bin`), createChacha12Bytes(seed + 500n, largeBytes));
  writeFileSync(join(folder, "rewritten.bin"), createChacha12Bytes(seed + 501n, largeBytes / 4));
  writeFileSync(join(folder, "zeros.bin"), Buffer.alloc(2_000_000));
  appendFileSync(join(folder, "log.txt"), `round ${round}\n`.repeat(20_000));
  if (round > 2) rmSync(join(folder, `large-${round - 2}.bin`), { force: true });
  writeFileSync(join(folder, "empty"), "");
}

/** A repository in which restic wrote one snapshot for each round. Ids, oldest first. */
export async function backUpRounds(fixture: StockFixture, rounds: number, largeBytes?: number): Promise<string[]> {
  await initRepository({ store: createLocalStore({ path: fixture.repositoryPath }) }, password, initOptions);
  for (let round = 1; round <= rounds; round++) {
    changeSource(fixture.sourcePath, round, largeBytes);
    const time = `2026-11-${String(round).padStart(2, "0")} 03:00:00`;
    fixture.restic(["backup", fixture.sourcePath, "--host", "web1", "--tag", "asset=web1/files", "--time", time]);
  }
  return snapshotIds(fixture);
}

/** Oldest first. */
export function snapshotIds(fixture: StockFixture, repository?: string): string[] {
  const snapshots = JSON.parse(fixture.restic(["snapshots", "--json", "--no-lock"], repository)) as {
    id: string;
    time: string;
  }[];
  return snapshots.sort((a, b) => (a.time < b.time ? -1 : 1)).map(({ id }) => id);
}

/** Paths of the objects below a folder of the repository, largest first. */
export function objectPaths(repositoryPath: string, folder: "data" | "index" | "snapshots" | "locks"): string[] {
  return readdirSync(join(repositoryPath, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => readFileSync(b).length - readFileSync(a).length);
}
