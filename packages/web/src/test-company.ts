import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Catalog, openCatalog } from "@lifeboat/catalog";
import {
  type Clock,
  type CompiledConfig,
  formatRunId,
  formatWithOffset,
  type RunKind,
  type RunRecord,
  renderProblems,
  silentLogger,
} from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import { startWeb, type Web } from "./start-web.ts";

/** For tests: a company whose history tells of everything that a page must show, served for real. */
export interface TestCompany {
  readonly web: Web;
  readonly catalog: Catalog;
  readonly config: CompiledConfig;
  readonly clock: Clock & { set(nowMs: number): void };
  get(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }>;
  close(): Promise<void>;
}

/** 09:14:03 in Berlin. */
export const testNowMs = Date.UTC(2026, 10, 21, 8, 14, 3);
const hourMs = 3_600_000;
const zone = "Europe/Berlin";

/** Hosts can name files and databases can say whatever they like. */
export const hostileText = `<img src=x onerror="document.title='owned'"><style>body{display:none}</style> & '"`;

const configText = `\
version: 1
company: { name: Acme GmbH, timezone: ${zone} }
repositories:
  s3-main:
    url: s3:https://s3.eu-central-1.amazonaws.com/acme-backup/main
    password: { env: MAIN }
    check: { cron: "0 4 * * *" }
    prune: { cron: "0 5 1 * *" }
  s3-dr: { url: "s3:https://s3.dr-cloud.example/acme-dr/main", password: { env: DR } }
defaults:
  policy:
    repository: s3-main
    replicate: { to: [s3-dr] }
    schedule: { cron: "0 1 * * *" }
    retention: { daily: 14, weekly: 8 }
    objectives: { rpo: 26h, rpo_offsite: 40h, rto: 8h, verify_every: 7d, drill_every: 30d }
hosts:
  web1: { address: web1, tags: [web] }
  web2: { address: web2, tags: [web] }
  db1: { address: db1 }
  db2: { address: db2 }
  files1: { address: files1 }
  drill1: { address: drill1, purpose: scratch }
policies:
  web:
    hosts: { tags: [web] }
    owner: web@acme.example
    tier: 2
    sources:
      - { name: etc, type: files, paths: [/etc] }
      - { name: uploads, type: files, paths: [/srv/www/uploads] }
  shop:
    hosts: [db1]
    owner: dba@acme.example
    tier: 1
    schedule: { cron: "5,35 * * * *" }
    objectives: { rpo: 1h, rpo_offsite: 4h, rto: 2h, drill_every: 7d }
    sources: [{ name: shop, type: postgresql, database: shop }]
  crm:
    hosts: [db2]
    owner: dba@acme.example
    tier: 1
    sources: [{ name: crm, type: sqlite, path: /var/lib/crm/crm.db }]
  files:
    hosts: [files1]
    tier: 3
    sources: [{ name: shares, type: files, paths: [/srv/shares] }]
drills:
  shop-weekly:
    description: The shop comes back on another machine, with its uploads
    owner: dba@acme.example
    schedule: { cron: "0 6 * * 6" }
    objectives: { rto: 2h, rpo: 1h }
    targets:
      dir: { type: directory, host: drill1, path: "/srv/drill/{run}" }
    steps:
      - { id: db, restore: { asset: db1/shop, to: dir } }
      - { id: uploads, restore: { asset: web1/uploads, to: dir } }
      - { id: etc1, restore: { asset: web1/etc, to: dir } }
    checks:
      - { id: hashes, type: file_hash, after: uploads, sample: 5%, against: snapshot }
`;

export function readTestConfig(text = configText): CompiledConfig {
  const files = [{ path: "lifeboat.yaml", text }];
  const { config, problems } = parseConfig(files, { nowMs: testNowMs });
  if (config === undefined) throw new Error(renderProblems(problems, files));
  return config;
}

export async function startTestCompany(
  options: { readonly config?: CompiledConfig; readonly fill?: (catalog: Catalog) => Promise<void> } = {},
): Promise<TestCompany> {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-web-"));
  let nowMs = testNowMs;
  const clock = {
    now: () => nowMs,
    set: (next: number) => (nowMs = next),
    sleep: () => Promise.reject(new Error("nothing sleeps here")),
  };
  const config = options.config ?? readTestConfig();
  const catalog = await openCatalog(join(folder, "history.sqlite"), { clock });
  await (options.fill ?? fillHistory)(catalog);
  const web = await startWeb({ catalog, config, listen: "127.0.0.1:0", clock, logger: silentLogger });
  return {
    web,
    catalog,
    config,
    clock,
    async get(path, init) {
      const response = await fetch(new URL(path, web.url), { redirect: "manual", ...init });
      return { status: response.status, text: await response.text(), headers: response.headers };
    },
    async close() {
      await web.close();
      await catalog.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One asset late, one never proven, one incomplete, the rest well; 40 nights of history. */
async function fillHistory(catalog: Catalog): Promise<void> {
  await catalog.beat({ program: "scheduler", instance: "one" });
  for (let night = 40; night >= 0; night--) {
    for (const asset of ["web1/etc", "web1/uploads", "web2/etc", "web2/uploads", "db2/crm", "files1/shares"]) {
      const hoursAgo = night * 24 + 8.2;
      const change =
        asset === "db2/crm" && night < 2
          ? { result: "failed", cause: "the database refused the login of 'backup'", code: "database-login-refused" }
          : asset === "web1/uploads" && night % 9 === 1
            ? incompleteUploads
            : {};
      await backup(catalog, asset, hoursAgo, change as Partial<RunRecord>);
    }
    await settle(
      catalog,
      "check",
      "s3-main",
      night * 24 + 5,
      night === 12 ? { result: "failed", cause: "the object store did not answer", code: "store-unreachable" } : {},
    );
    await settle(catalog, "replicate", "web1/etc", night * 24 + 7.5, {
      figures: { snapshots_copied: 1, bytes_copied: 912_000_000 },
    });
  }
  for (let half = 96; half >= 0; half--) await backup(catalog, "db1/shop", half / 2 + 0.12, {});
  await settle(catalog, "backup", "files1/shares", 1.5, { result: "skipped", cause: "still running" });
  await catalog.recordPending(openRun("backup", "web2/etc", 0.01, "web"));
  await catalog.recordPending(openRun("backup", "db1/shop", 0.02, "shop"));
  await catalog.claimRun(openRun("backup", "db1/shop", 0.02, "shop").id, "worker-1:4711", { staleAfterMs: 60_000 });
  await drillRun(catalog, 3, "passed");
  await drillRun(catalog, 7 * 24, "failed");
  await drillRun(catalog, 14 * 24, "inconclusive");
  await drillRun(catalog, 21 * 24, "passed");
}

const incompleteUploads: Partial<RunRecord> = {
  result: "incomplete",
  cause: "3 of 58110 files could not be read",
  problems: [
    { path: `/srv/www/uploads/${hostileText}`, kind: "unreadable", detail: "Permission denied" },
    { path: "/srv/www/uploads/tmp/b\\xff.lock", kind: "unreadable", detail: "Permission denied" },
  ],
  problemCount: 3,
};

async function backup(catalog: Catalog, asset: string, hoursAgo: number, change: Partial<RunRecord>): Promise<void> {
  const failed = change.result === "failed";
  const policy = asset.startsWith("web") ? "web" : (asset.split("/")[1] ?? "").replace("shares", "files");
  const snapshot = failed ? null : hex(`${asset}${hoursAgo}`);
  const figures = {
    total_files_processed: 58_107,
    total_bytes_processed: 31_353_261_260,
    data_added: 1_395_864_371,
    bytes_received: 1_400_000_000,
  };
  const record = await settle(catalog, "backup", asset, hoursAgo, {
    policy,
    snapshot,
    repository: "s3-main",
    figures: failed ? {} : figures,
    ...change,
  });
  if (snapshot === null) return;
  const seen = { original: snapshot, asset, run: record.id, time: record.started, bytes: 31_353_261_260, files: 58_107 };
  await catalog.recordSnapshots([{ ...seen, repository: "s3-main", id: snapshot }]);
  // The copies of the last half hour are still on their way.
  if (hoursAgo > 0.5) await catalog.recordSnapshots([{ ...seen, repository: "s3-dr", id: hex(`dr${snapshot}`) }]);
}

async function settle(
  catalog: Catalog,
  kind: RunKind,
  object: string,
  hoursAgo: number,
  change: Partial<RunRecord>,
): Promise<RunRecord> {
  const { id, slot } = openRun(kind, object, hoursAgo, null);
  const startMs = Date.parse(slot);
  const record: RunRecord = {
    schema: "lifeboat.run/1",
    id,
    kind,
    object,
    policy: null,
    slot,
    started: formatWithOffset(startMs + 1000, zone),
    ended: formatWithOffset(startMs + 181_000, zone),
    result: "passed",
    attempt: 1,
    cause: null,
    code: null,
    repository: null,
    snapshot: null,
    figures: {},
    problems: [],
    problemCount: 0,
    ...change,
  };
  await catalog.recordSettled(record);
  return record;
}

function openRun(kind: RunKind, object: string, hoursAgo: number, policy: string | null) {
  const slotMs = Math.floor((testNowMs - hoursAgo * hourMs) / 1000) * 1000;
  return { id: formatRunId({ kind, object, slot: slotMs }), kind, object, policy, slot: formatWithOffset(slotMs, zone) };
}

async function drillRun(catalog: Catalog, hoursAgo: number, result: "passed" | "failed" | "inconclusive"): Promise<void> {
  const isGood = result === "passed";
  const record = await settle(catalog, "drill", "shop-weekly", hoursAgo, {
    result,
    cause: isGood ? null : `check hashes: ${hostileText}`,
  });
  const assets = ["db1/shop", "web1/uploads", "web1/etc"];
  const report = {
    schema: "lifeboat.drill/1",
    run: record.id,
    drill: "shop-weekly",
    outcome: result,
    verdict: isGood ? "The shop was back in 37m (objective 2h) with data 26m old (objective 1h)." : `Not proven: ${hostileText}`,
    causes: isGood ? [] : [{ kind: result, where: "check hashes", reason: hostileText }],
    objectives: { rto_s: 7200, rpo_s: 3600 },
    achieved: {
      rta_s: isGood ? 2220 : null,
      rta_parts: { queue: 60, provision: 60, transfer: 1380, load: 360, application: 240, checks: 120 },
      rpa_s: 1560,
    },
    assets: assets.map((asset) => ({
      asset,
      snapshot: hex(asset),
      age_s: 1560,
      repository: "s3-dr",
      size_bytes: 15_200_000_000,
      restored: true,
      proved_by: isGood ? ["hashes"] : [],
    })),
    steps: [
      { id: "db", kind: "restore", what: "restore db1/shop", verdict: "passed", seconds: 1330, detail: "14.2 GiB, 11 MiB/s" },
    ],
    checks: [
      {
        id: "hashes",
        verdict: result,
        wanted: "430 of 430 equal",
        found: isGood ? "430 of 430 equal" : hostileText,
        detail: "",
        control: {
          kind: "auto",
          verdict: isGood ? "proved" : "not_run",
          reason: "one flipped byte was found",
          damages: [{ damage: "a byte of index.html flipped" }],
        },
      },
    ],
    not_covered: ["mail delivery"],
    leftovers: isGood ? [] : [{ what: "folder /srv/drill/x", machine: "drill1", state: "kept", detail: "kept for diagnosis" }],
  };
  await catalog.recordDrillReport({
    runId: record.id,
    drill: "shop-weekly",
    result,
    declared: record.slot,
    rtaSeconds: isGood ? 2220 : null,
    rpaSeconds: 1560,
    proofs: assets.map((asset) => ({ asset, outcome: isGood ? "proven" : result === "failed" ? "failed" : "inconclusive" })),
    report: JSON.stringify(report),
    ...(isGood
      ? {
          html: `<!doctype html><html lang="en"><title>Report</title><style>p { color: rgb(1, 2, 3) }</style><p>The report</p><script>document.title = "owned"</script></html>`,
        }
      : {}),
  });
}

function hex(text: string): string {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ character.charCodeAt(0), 16777619) >>> 0;
  return value.toString(16).padStart(8, "0").repeat(8);
}
