export interface SampleConfigAnswers {
  /** "/srv/backup/repo" or "s3:https://HOST/BUCKET/PREFIX". */
  readonly repositoryUrl: string;
  /** Path of the file with the repository's password. */
  readonly passwordFile: string;
  /** IANA zone. */
  readonly timezone: string;
  readonly company?: string;
  readonly host: {
    readonly name: string;
    readonly address: string;
    readonly user: string;
    readonly port?: number;
    readonly identity?: string;
  };
  /** Absolute folders; default /etc. */
  readonly paths?: readonly string[];
  readonly state?: string;
}

/** The commented file that `init` writes; parseConfig finds nothing wrong with it. */
export function sampleConfig(answers: SampleConfigAnswers): string {
  const { host } = answers;
  // JSON strings are YAML strings, whatever a person typed.
  const quote = (text: string) => JSON.stringify(text);
  const paths = (answers.paths ?? ["/etc"]).map(quote).join(", ");
  const port = host.port === undefined || host.port === 22 ? "" : `\n    port: ${host.port}`;
  const identity = host.identity === undefined ? "" : `\n    identity: ${quote(host.identity)}`;
  const state =
    answers.state === undefined
      ? ""
      : `\ncontrol:\n  state: ${quote(answers.state)}      # history and caches; all of it can be lost\n`;
  const isS3 = answers.repositoryUrl.startsWith("s3:");
  return `# Lifeboat: what is backed up, from where, to where, when, and for how long.
# Check it with 'lifeboat config validate'; see where a value comes from with 'lifeboat config explain PATH'.
# Every key with its meaning: 'lifeboat config schema > lifeboat.schema.json'.
# yaml-language-server: $schema=./lifeboat.schema.json
version: 1
company: { name: ${quote(answers.company ?? "My company")}, timezone: ${quote(answers.timezone)} }   # the zone of every schedule and report
${state}
# Where the snapshots lie: encrypted, deduplicated, readable by stock restic.
# Keep a second copy of the password elsewhere: without it the repository is lost.
repositories:
  main:
    url: ${quote(answers.repositoryUrl)}
    password: { file: ${quote(answers.passwordFile)} }       # or { env: NAME }, { command: [...] }, { systemd: NAME }
${isS3 ? "    credentials: { aws: default }       # or { profile: NAME }, { access_key_id: { env: A }, secret_access_key: { env: B } }\n" : ""}    prune: { cron: "0 5 * * 0" }        # Sunday 05:00: drop data that no snapshot needs any more
    check: { cron: "0 6 * * 0" }        # and look whether everything is there
  # offsite:                            # a second site: other provider, other keys
  #   url: s3:https://s3.example.com/bucket/prefix
  #   password: { file: /etc/lifeboat/offsite-password }

# What every policy starts from. Maps merge key by key, a list replaces, and "exclude+" appends.
defaults:
  policy:
    repository: main
    # replicate: { to: [offsite] }
    schedule: { cron: "0 1 * * *", jitter: 20m }             # every night; the jitter is fixed for each policy
    retention: { daily: 14, weekly: 8, monthly: 12 }
    objectives: { rpo: 26h, rto: 8h }   # the last good snapshot is never older than this; back within that
    guards: { max_shrink: 50%, max_unreadable: 10 }          # much smaller than last time: failed
    exclude: ["**/node_modules", "**/.cache", "*.tmp"]

# Reached over SSH; nothing is installed there.
hosts:
  ${host.name}:
    address: ${quote(host.address)}
    user: ${quote(host.user)}${port}${identity}
    sudo: ${host.user === "root" ? "false" : "true                          # reads with sudo -n"}
    tags: [web]
  # scratch1:                           # drills write to hosts with this purpose only
  #   { address: scratch1.example.com, user: root, purpose: scratch }

# Each host with each source is an asset: ${host.name}/files. It is what you restore.
policies:
  nightly:
    hosts: [${host.name}]                      # or { tags: [web] }
    sources:
      - { name: files, type: files, paths: [${paths}] }
      # - { name: shop, type: postgresql, database: shop, user: lifeboat, password: { env: SHOP_PASSWORD } }
      # - { name: app, type: sqlite, path: /var/lib/app/app.db }

# A backup is proven when a drill has restored it and every check could have failed.
drills:
  files-weekly:
    schedule: { cron: "0 7 * * 6" }
    targets: { dir: { type: directory, path: "/var/tmp/lifeboat-drill/{run}" } }   # without a host: on this machine
    steps: [{ id: files, restore: { asset: ${host.name}/files, to: dir } }]
    checks: [{ id: hashes, after: files, type: file_hash, sample: 10% }]
`;
}
