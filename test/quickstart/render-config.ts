import type { SshHost } from "../services/start-ssh-host.ts";

export interface ConfigParts {
  readonly folder: string;
  readonly timezone: string;
  readonly listen: string;
  readonly web: SshHost;
  readonly database: SshHost;
  readonly postgres: { readonly port: number; readonly user: string };
  readonly repositories: { readonly main: string; readonly copy: string };
  /** The web server's folder. */
  readonly www: string;
  /** Script of the drill's check that looks at a row and its file. */
  readonly rowAndFile: string;
}

/** The newcomer's lifeboat.yaml, every part explained. Secrets are named, never written. */
export function renderConfig(parts: ConfigParts): string {
  const { folder, web, database, postgres, repositories, www } = parts;
  const isS3 = repositories.main.startsWith("s3:");
  const credentials = isS3 ? "\n    credentials: { aws: default }          # AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" : "";
  const host = ({ port, user, identityFile, knownHostsFile }: SshHost) =>
    `{ address: 127.0.0.1, port: ${port}, user: ${quote(user)}, identity: ${quote(identityFile)}, known_hosts: ${quote(knownHostsFile)} }`;
  return `# What the quickstart runs. Yours would look the same, with other names: 'lifeboat init' asks and writes it.
version: 1
company: { name: Quickstart Shop, timezone: ${quote(parts.timezone)} }

control:
  state: ${quote(`${folder}/state`)}          # history, queue, caches: all of it can be lost
  web: { listen: "${parts.listen}" }      # the page for managers, read-only

repositories:                             # restic's format: stock restic reads them, too
  main:
    url: ${quote(repositories.main)}
    password: { file: ${quote(`${folder}/secrets/main`)} }${credentials}
    check: { every: 1m }
  copy:                                   # the second site: in real life another building, another account, other keys
    url: ${quote(repositories.copy)}
    password: { file: ${quote(`${folder}/secrets/copy`)} }${credentials}

defaults:
  policy:
    repository: main
    replicate: { to: [copy], max_lag: 15m }
    schedule: { every: 10s }              # in real life: { cron: "0 1 * * *" }
    retention: { last: 50, daily: 14, weekly: 8, monthly: 12 }
    retry: { attempts: 3, backoff: 1s }
    objectives:
      rpo: 15m                            # at most 15 minutes of work may be lost,
      rpo_offsite: 30m                    # 30 when the first site is gone as well;
      rto: 15m                            # after 15 minutes the shop works again;
      verify_every: 1h                    # the repository is checked every hour,
      drill_every: 1d                     # and every day somebody proves all that.

hosts:                                    # nothing is installed there, nothing is written there
  web1: ${host(web)}
  db1:  ${host(database)}

policies:
  web:
    hosts: [web1]
    sources:
      - { name: www, type: files, paths: [${quote(www)}] }
  shop:
    hosts: [db1]
    sources:
      - name: shop
        type: postgresql                  # pg_dump of the host's own version, over SSH, streamed
        database: shop
        server: 127.0.0.1
        port: ${postgres.port}
        user: ${postgres.user}
        password: { file: ${quote(`${folder}/secrets/shop-database`)} }
        record: { rows: [orders, uploads] }   # counted in the dump's own snapshot; the drill compares

drills:
  shop:
    description: The shop comes back from the second site, orders and the pictures they name
    snapshot: { from: copy, pick: latest }
    objectives: { rto: 15m, rpo: 30m }
    deadline: 20m
    targets:                              # scratch places; what a drill makes it removes
      pg:    { type: postgresql, server: throwaway, database: "shop_{run}" }
      files: { type: directory, path: ${quote(`${folder}/drill/{run}`)}, min_free: 256MiB }
    steps:                                # at once, unless one needs another
      - { id: db,      restore: { asset: db1/shop, to: pg } }
      - { id: uploads, restore: { asset: web1/www, to: files, paths: [${quote(`${www}/uploads`)}] } }
    checks:                               # each is tried on damaged copies as well: there it must say no, or it proves nothing
      - { id: orders,    after: db, type: row_count, table: orders, compare: recorded, tolerance: 0 }
      - { id: fresh,     after: db, type: freshness, query: "select max(created_at) from orders", max_age: 1h }
      - { id: no-orphan, after: db, type: sql, query: "select count(*) from uploads u left join orders o on o.id = u.order_id where o.id is null", expect: 0 }
      - { id: hashes,    after: uploads, type: file_hash, sample: 5%, against: snapshot }
      - id: row-and-file                  # the newest row, and the very file that it names
        after: uploads
        needs: [orders]
        type: command
        run: [sh, ${quote(parts.rowAndFile)}, "{pg.url_file}", "{files.path}${www}"]
        expect: { output: "is there" }
`;
}

/** YAML's double quotes are JSON's. */
function quote(text: string): string {
  return JSON.stringify(text);
}

/** Asks the restored database for its newest row, and looks for the file that the row names, byte for byte. */
export const rowAndFileScript = `# ROW-AND-FILE URL_FILE FOLDER: the newest row of "uploads" names a file; it must be in FOLDER with the row's SHA-256.
set -eu
row=$(psql "$(cat "$1")" -X -A -t -F ' ' -c "select sha256, file from uploads order by id desc limit 1")
test -n "$row" || { echo "no row"; exit 1; }
sum=\${row%% *}
file=\${row#* }
test -f "$2/$file" || { echo "$file is missing"; exit 1; }
test "$(sha256sum < "$2/$file" | cut -d ' ' -f 1)" = "$sum" || { echo "$file has another content"; exit 1; }
echo "$file is there"
`;
