import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteString, type Clock, type CompiledDrill, type DumpFacts, silentLogger } from "@lifeboat/model";
import { parseDrillFile } from "@lifeboat/model/config";
import { LocalMachine } from "@lifeboat/remote";
import { cleanEnvironment, type PostgresServer, runCommand, startPostgres } from "../../../../test/services/index.ts";
import type { DrillEvent, DrillPorts, SampledFile, SelectedSnapshot } from "../ports.ts";
import type { DrillReport } from "../report/drill-report.ts";
import { runDrill } from "../run-drill.ts";
import { testDatabases } from "./test-databases.ts";

/**
 * A small shop as three assets: uploads (files, two of them named by rows), shop (PostgreSQL) and ledger (SQLite), frozen in
 * a temporary folder in the place of a repository. Everything that a drill does with them is real.
 */
export interface TestShop {
  readonly folder: string;
  readonly server: PostgresServer;
  readonly machine: LocalMachine;
  /** When the shop was frozen: the data stands for this moment. */
  readonly frozenAtMs: number;
  readonly password: string;
  /** Where targets go; empty when every drill has cleaned up. */
  readonly scratch: string;
  readonly journals: string;
  stop(): Promise<void>;
}

export const testClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = setTimeout(resolve, milliseconds);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};

export async function startTestShop(): Promise<TestShop> {
  // A Unix socket's path has room for 107 bytes, so names are short.
  const folder = await mkdtemp(join(tmpdir(), "lb-drill-"));
  // A throwaway server runs as another user and must get through.
  await chmod(folder, 0o755);
  const password = "pass:w/rd &7";
  const server = await startPostgres({ password });
  const uploads = join(folder, "snapshot", "srv", "uploads");
  await mkdir(join(uploads, "deep"), { recursive: true });
  for (let at = 1; at <= 12; at++) await writeFile(join(uploads, `img-${at}.jpg`), `picture ${at} `.repeat(50 * at));
  await writeFile(join(uploads, "deep", "empty"), "");
  await writeFile(
    Buffer.concat([Buffer.from(`${uploads}/deep/`), Buffer.from([0x66, 0xff, 0x0a, 0x27])]),
    "a name that is no text",
  );
  await server.createDatabase("shop");
  await server.sql(
    `create table orders (id int primary key, upload text not null, total numeric not null check (total >= 0), created_at timestamptz not null);
     create table items (id int primary key, order_id int not null references orders (id), name text not null);
     create table empty_table (id int);
     insert into orders select n, 'srv/uploads/img-' || n || '.jpg', n * 10, now() - interval '10 minutes' * n from generate_series(1, 12) n;
     insert into items select n, 1 + n % 12, 'thing ' || n from generate_series(1, 30) n;
     create view newest as select max(created_at) as at from orders;`,
    "shop",
  );
  const dump = [
    "-h",
    server.socketFolder,
    "-p",
    `${server.port}`,
    "-U",
    "postgres",
    "-Fc",
    "-f",
    join(folder, "shop.pgdump"),
    "shop",
  ];
  await runCommand(join(server.binFolder, "pg_dump"), dump);
  const ledger =
    "begin; create table entries (id integer primary key, amount integer not null, at text not null); " +
    "insert into entries values (1, 5, datetime('now', '-5 minutes')), (2, 7, datetime('now', '-9 minutes')); commit;";
  await runCommand("sqlite3", [join(folder, "ledger.db")], { input: ledger });
  await writeFile(join(folder, "ledger.sql"), (await runCommand("sqlite3", [join(folder, "ledger.db"), ".dump"])).stdout);
  const scratch = join(folder, "s");
  await mkdir(scratch);
  const { PATH = "" } = cleanEnvironment();
  // The server's own folder first: Debian's psql in /usr/bin is a slow script around it.
  const machine = new LocalMachine({ env: { PATH: `${server.binFolder}:${PATH}`, HOME: folder } });
  return {
    folder,
    server,
    machine,
    frozenAtMs: Date.now(),
    password,
    scratch,
    journals: join(folder, "journals"),
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const shopFacts: DumpFacts = {
  engine: "postgresql",
  serverVersion: "15.0",
  programVersion: "15.0",
  rows: { "public.orders": 12, "public.items": 30, "public.empty_table": 0 },
  tables: ["public.orders", "public.items", "public.empty_table"],
  consistency: "application",
};

const ledgerFacts: DumpFacts = {
  ...shopFacts,
  engine: "sqlite",
  serverVersion: "3.40",
  rows: { entries: 2 },
  tables: ["entries"],
};

/** What a test does differently from a healthy recovery. */
export interface ShopFaults {
  /** After the files were restored, before the step is done. */
  readonly afterFiles?: (folder: string) => Promise<void>;
  /** Another archive in the place of the shop's dump. */
  readonly shopDump?: string;
  readonly facts?: DumpFacts;
  readonly ageMs?: number;
  readonly declaredAtMs?: number;
  readonly signal?: AbortSignal;
  readonly ports?: Partial<DrillPorts>;
}

export interface ShopDrill {
  readonly report: DrillReport;
  readonly events: readonly DrillEvent[];
  readonly evidence: readonly string[];
}

let runs = 0;

export async function runShopDrill(shop: TestShop, drill: CompiledDrill, faults: ShopFaults = {}): Promise<ShopDrill> {
  const events: DrillEvent[] = [];
  const evidence: string[] = [];
  const declaredAtMs = faults.declaredAtMs ?? Date.now();
  const ports: DrillPorts = { ...shopPorts(shop, faults, events, evidence), ...faults.ports };
  const report = await runDrill(drill, ports, {
    runId: `drill/${drill.name}@20261122T020000Z`,
    declaredAtMs,
    journalFile: join(shop.journals, `${drill.name}-${process.pid}-${++runs}.jsonl`),
    workFolder: shop.scratch,
    startedBy: "test",
    ...(faults.signal === undefined ? {} : { signal: faults.signal }),
  });
  return { report, events, evidence };
}

export function shopPorts(shop: TestShop, faults: ShopFaults, events: DrillEvent[], evidence: string[]): DrillPorts {
  const snapshotFolder = join(shop.folder, "snapshot");
  const kinds: Record<string, Partial<SelectedSnapshot>> = {
    "web1/uploads": { kind: "files" },
    "db1/shop": { kind: "postgresql", facts: faults.facts ?? shopFacts },
    "db1/ledger": { kind: "sqlite", facts: ledgerFacts },
  };
  return {
    ...testDatabases,
    machine: async () => shop.machine,
    hostPurpose: (host) => (host === "prod1" ? "production" : undefined),
    async selectSnapshot(asset) {
      const timeMs = shop.frozenAtMs - (faults.ageMs ?? 0);
      return { snapshotId: "5be0d7c4".repeat(8), timeMs, repository: "s3-dr", kind: "files", sizeBytes: 4096, ...kinds[asset] };
    },
    async restoreFiles({ paths, folder }) {
      const parts = paths.length === 0 ? ["/srv"] : paths;
      const names = parts.map((part) => `.${part}`);
      await runCommand("cp", ["-a", "--parents", "-t", folder, "--", ...names], { cwd: snapshotFolder });
      await faults.afterFiles?.(folder);
      return { files: 14, bytes: 40_000 };
    },
    async openDump({ asset }) {
      return createReadStream(
        asset === "db1/shop" ? (faults.shopDump ?? join(shop.folder, "shop.pgdump")) : join(shop.folder, "ledger.sql"),
      );
    },
    async sampleFiles({ ratio, random, paths }) {
      const files = await hashFiles(snapshotFolder);
      const below = files.filter((file) => paths.length === 0 || paths.some((path) => file.path.startsWith(path)));
      return below.filter(() => random() < ratio);
    },
    async httpGet(url, { timeoutMs, signal }) {
      const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
      return { status: answer.status, body: await answer.text() };
    },
    resolveSecret: async () => shop.password,
    clock: testClock,
    random: seededRandom(++seeds),
    logger: silentLogger,
    installId: "test-install",
    async saveEvidence(bytes) {
      evidence.push(Buffer.from(bytes).toString());
      return "lifeboat/v1/evidence/test";
    },
    progress: (event) => {
      events.push(event);
    },
  };
}

let seeds = 0;

/** The same numbers in every run of the tests, others in every drill (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** By the system's own program, so that the check is not compared with itself. */
async function hashFiles(folder: string): Promise<SampledFile[]> {
  const find = async (action: readonly string[]) => {
    const { stdout } = await runCommand("find", [".", "-type", "f", ...action], { cwd: folder, encoding: "latin1" });
    return stdout.split("\0").filter((line) => line !== "");
  };
  const sizes = new Map((await find(["-printf", "%p\\0%s\\0"])).map((word, at, all) => [word, Number(all[at + 1])]));
  const hashes = await find(["-exec", "sha256sum", "-z", "-b", "{}", "+"]);
  return hashes.map((line) => {
    const name = line.slice(66);
    return { path: name.slice(1) as ByteString, size: sizes.get(name) ?? 0, sha256: line.slice(0, 64) };
  });
}

/** Parses the drill of a YAML text, which must hold exactly one. */
export function readDrill(text: string): CompiledDrill {
  const { drills, problems } = parseDrillFile("drill.yaml", text, { nowMs: Date.now() });
  const [drill] = drills.values();
  if (drill === undefined) throw new Error(problems.map((problem) => problem.message).join("; "));
  return drill;
}

export async function flipByteOf(file: string): Promise<void> {
  const before = await stat(file);
  await runCommand("sh", ["-c", 'printf X | dd of="$1" bs=1 seek=20 conv=notrunc', "sh", file]);
  await utimes(file, before.atime, before.mtime);
}
