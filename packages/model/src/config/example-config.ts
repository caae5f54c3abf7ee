import type { ConfigProblem } from "./config-problem.ts";
import { type ParsedConfig, parseConfig } from "./parse-config.ts";

/** For tests: a company of six hosts, two sites and a drill. */
export const exampleText = `\
version: 1
company: { name: Acme GmbH, timezone: Europe/Berlin }
control:
  redis: { url: "\${REDIS_URL:-redis://127.0.0.1:6379}" }
  web: { listen: "127.0.0.1:8080", public_url: https://lifeboat.acme.example }
repositories:
  s3-main:
    url: s3:https://s3.eu-central-1.amazonaws.com/acme-backup/main
    password: { command: [vault, kv, get], timeout: 10s }
    credentials: { aws: default }
    verify: { every_byte_within: 90d, max_per_day: 50GiB }
    prune: { cron: "0 5 1 * *", max_unused: 10% }
  s3-dr:
    url: s3:https://s3.dr-cloud.example/acme-dr/main
    password: { file: /etc/lifeboat/secrets/dr-password }
    credentials: { access_key_id: { env: DR_KEY_ID }, secret_access_key: { systemd: dr-secret } }
defaults:
  host: { user: backup, sudo: true, connect_timeout: 15s, host_key: known_hosts }
  policy:
    repository: s3-main
    replicate: { to: [s3-dr], max_lag: 12h }
    schedule: { cron: "0 1 * * *", jitter: 20m, catch_up: once }
    retention: { daily: 14, weekly: 8, monthly: 12 }
    objectives: { rpo: 26h, rpo_offsite: 40h, rto: 8h, verify_every: 7d, drill_every: 30d }
    timeout: 6h
    retry: { attempts: 3, backoff: 2m, max: 30m }
    guards: { max_shrink: 50%, max_unreadable: 10 }
    exclude: ["**/node_modules", "**/.cache", "*.tmp"]
hosts:
  web1:   { address: web1, tags: [web] }
  web2:   { address: web2, tags: [web] }
  db1:    { address: db1.int.acme.example, tags: [db] }
  db2:    { address: db2.int.acme.example, tags: [db] }
  files1: { address: files1, tags: [files], sudo: false }
  drill1: { address: drill1.lab.acme.example, purpose: scratch }
templates:
  critical-db:
    tier: 1
    owner: dba@acme.example
    objectives: { rpo: 1h, rpo_offsite: 4h, rto: 2h, drill_every: 7d }
    schedule: { cron: "5,35 * * * *", jitter: 3m }
    replicate: { max_lag: 2h }
    retention: { hourly: 48, daily: 30, weekly: 12, monthly: 24 }
policies:
  web:
    hosts: { tags: [web] }
    owner: web@acme.example
    tier: 2
    sources:
      - { name: etc, type: files, paths: [/etc] }
      - { name: uploads, type: files, paths: [/srv/www/uploads/], exclude+: ["**/thumbnails"] }
  shop:
    extends: [critical-db]
    hosts: [db1]
    sources:
      - name: shop
        type: postgresql
        database: shop
        user: lifeboat
        password: { env: SHOP_PG_PASSWORD }
        guards: { min_bytes: 500MiB, max_shrink: 20% }
        record: { rows: [orders, customers] }
  crm:
    extends: [critical-db]
    hosts: [db2]
    objectives: { rpo: 26h, rpo_offsite: 40h }
    schedule: { every: 6h }
    sources:
      - { name: crm, type: sqlite, path: /var/lib/crm/crm.db }
  files:
    hosts: [files1]
    tier: 3
    timeout: 12h
    sources:
      - { name: shares, type: files, paths: [/srv/shares], one_filesystem: true }
drills:
  shop-weekly:
    description: The shop comes back
    schedule: { cron: "0 6 * * 6", jitter: 10m }
    snapshot: { from: s3-dr, pick: latest }
    objectives: { rto: 2h }
    targets:
      pg:  { type: postgresql, host: drill1 }
      dir: { type: directory,  host: drill1, path: "/srv/drill/{run}", min_free: 100GiB }
    steps:
      - { id: db,      restore: { asset: db1/shop, to: pg }, timeout: 90m }
      - { id: uploads, restore: { asset: web1/uploads, to: dir, paths: [/srv/www/uploads/2026] } }
      - { id: app,     needs: [db, uploads], run: { host: drill1, command: [/opt/drill/start-shop, "{pg.url_file}", "{dir.path}"] }, timeout: 10m }
    checks:
      - { id: orders,    after: db, type: row_count, table: orders, compare: recorded, tolerance: 0 }
      - { id: fresh,     after: db, type: freshness, query: "select max(created_at) from orders", max_age: 1h }
      - { id: no-orphan, after: db, type: sql, query: "select 0", expect: 0 }
      - { id: hashes,    after: uploads, type: file_hash, sample: 2%, against: snapshot }
      - { id: health,    after: app, type: http, url: "http://drill1.lab:8080/health", expect: { status: 200, body: ok }, retry: { for: 60s } }
      - { id: login,     after: app, needs: [health], type: command, host: drill1, run: [/opt/drill/login-test], expect: { exit: 0 }, control: { run: [break] } }
    teardown: { keep_on_failure: 12h, run: { host: drill1, command: [/opt/drill/stop-shop] } }
`;

export const nowMs = Date.UTC(2026, 10, 22, 2);

/** Parses `text` as lifeboat.yaml; `version: 1` is put in front. */
export function parseText(text: string, env: Record<string, string> = {}): ParsedConfig {
  return parseConfig([{ path: "lifeboat.yaml", text: `version: 1\n${text}` }], { nowMs, env });
}

/** "LINE:COLUMN code message", lines counted without the version line. */
export function brief(problems: readonly ConfigProblem[]): string[] {
  return problems.map(({ place, code, message }) => `${place.line - 1}:${place.column} ${code} ${message}`);
}
