import type { Machine, RunningCommand } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import { collectOutput } from "../process/collect-output.ts";
import type { PostgresTarget } from "./load-dumps.ts";

export interface ThrowawayPostgresOptions {
  /** Exists, is empty, belongs to the login user and can be entered by others; at most 80 bytes long. */
  readonly folder: string;
  /** A wish: the nearest installed version is taken. */
  readonly majorVersion: string | undefined;
  readonly signal: AbortSignal;
}

export interface ThrowawayPostgresServer extends PostgresTarget {
  readonly binFolder: string;
  /** e.g. "15.18". */
  readonly serverVersion: string;
  /** Stops the server and removes what it wrote. */
  stop(): Promise<void>;
}

/** A socket's path may have 107 bytes, and "/socket/.s.PGSQL.5432" is part of it. */
const maxFolderBytes = 80;

const findScript = [
  "for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do",
  'if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then echo "$("$bin/postgres" --version)|$bin"; fi; done',
].join(" ");

/**
 * `$1` programs, `$2` folder. PostgreSQL refuses to run as root, so root takes another account for it. The script stays for
 * as long as its stdin is open and cleans up when that ends: a worker that is killed leaves no server behind.
 */
const serverScript = `
bin=$1; dir=$2; cd / || exit 120
as() { "$@"; }
mkdir "$dir/data" "$dir/socket" && chmod 700 "$dir/data" "$dir/socket" && : > "$dir/log" || exit 120
if [ "$(id -u)" = 0 ]; then
  account=postgres; id -u postgres > /dev/null 2>&1 || account=nobody
  group=$(id -gn "$account") || exit 120
  chown "$account:$group" "$dir/data" "$dir/socket" "$dir/log" || exit 120
  as() { setpriv --reuid="$account" --regid="$group" --clear-groups -- "$@"; }
fi
clean() {
  trap - EXIT
  if [ -f "$dir/data/postmaster.pid" ]; then as "$bin/pg_ctl" stop -D "$dir/data" -m immediate -w -t 30 > /dev/null 2>&1 < /dev/null || exit 123; fi
  rm -rf "$dir/data" "$dir/socket" "$dir/log"
}
trap clean EXIT
trap "exit 143" TERM HUP INT
locale=C; if locale -a 2> /dev/null | grep -qi "^c\\.utf-\\{0,1\\}8$"; then locale=C.UTF-8; fi
as "$bin/initdb" -D "$dir/data" -U postgres -E UTF8 --locale="$locale" --auth=trust --no-sync > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 121; }
cat >> "$dir/data/postgresql.conf" << END || exit 121
listen_addresses = ''
unix_socket_directories = '../socket'
port = 5432
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = '64MB'
max_connections = 20
dynamic_shared_memory_type = mmap
logging_collector = off
END
as "$bin/pg_ctl" start -D "$dir/data" -w -t 60 -l "$dir/log" > /dev/null 2>&1 < /dev/null || { tail -n 20 "$dir/log" >&2; exit 122; }
echo ready
cat > /dev/null
`;

/**
 * A PostgreSQL server of its own, from the machine's packages, on a Unix socket only; nobody but root and the account that
 * runs it can connect. Superuser `postgres`, without a password. Nothing in it is meant to survive.
 */
export async function startThrowawayPostgres(
  machine: Machine,
  options: ThrowawayPostgresOptions,
): Promise<ThrowawayPostgresServer> {
  const { folder, signal } = options;
  if (Buffer.byteLength(folder) > maxFolderBytes) {
    throw new LifeboatError(
      "drill-target-failed",
      `${folder} is too long a path for a server's socket (at most ${maxFolderBytes} bytes)`,
    );
  }
  const { binFolder, serverVersion } = await findServer(machine, options.majorVersion, signal);
  const command = await machine.run(["sh", "-c", serverScript, "lifeboat", binFolder, folder], {});
  const stop = () => stopServer(command, machine, folder);
  const abort = () => command.endInput();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await waitUntilReady(command, machine, folder);
    signal.throwIfAborted();
  } catch (error) {
    await stop().catch(() => undefined);
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return { host: `${folder}/socket`, port: 5432, user: "postgres", binFolder, serverVersion, stop };
}

/** The wished version, else the next newer one (it reads older dumps), else the newest. */
export function chooseVersion<T extends { readonly serverVersion: string }>(
  found: readonly T[],
  majorVersion: string | undefined,
): T | undefined {
  const sorted = [...found].sort((a, b) => Number.parseFloat(a.serverVersion) - Number.parseFloat(b.serverVersion));
  if (majorVersion === undefined) return sorted.at(-1);
  return (
    sorted.find(({ serverVersion }) => Number.parseInt(serverVersion, 10) >= Number.parseInt(majorVersion, 10)) ?? sorted.at(-1)
  );
}

async function findServer(machine: Machine, majorVersion: string | undefined, signal: AbortSignal) {
  const command = await machine.run(["sh", "-c", findScript], { signal });
  const { stdout, stderr, status } = await collectOutput(command, { what: `the search for PostgreSQL on ${machine.name}` });
  const found: { binFolder: string; serverVersion: string }[] = [];
  for (const line of stdout.toString("utf8").split("\n")) {
    const match = /^postgres \(PostgreSQL\) ([0-9.]+)[^|]*\|(\/.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) found.push({ serverVersion: match[1], binFolder: match[2] });
  }
  const chosen = chooseVersion(found, majorVersion);
  if (chosen !== undefined) return chosen;
  const words = status === 0 ? "" : `: ${stderr.trim().slice(0, 200)}`;
  throw new LifeboatError(
    "command-missing",
    `${machine.name} has no PostgreSQL server under /usr/lib/postgresql or /usr/pgsql-*${words}`,
    {
      hint: "Install the package postgresql there; its own cluster need not run.",
    },
  );
}

async function waitUntilReady(command: RunningCommand, machine: Machine, folder: string): Promise<void> {
  let text = "";
  const iterator = command.stdout[Symbol.asyncIterator]();
  while (!text.includes("ready\n")) {
    const next = await iterator.next();
    if (next.done === true || text.length > 65_536) {
      const { status } = await command.exit;
      const words = command.stderr().trim().slice(0, 800) || "without a word";
      throw new LifeboatError(
        "drill-target-failed",
        `no PostgreSQL server starts in ${folder} on ${machine.name} (status ${status}): ${words}`,
      );
    }
    text += Buffer.from(next.value).toString("latin1");
  }
}

async function stopServer(command: RunningCommand, machine: Machine, folder: string): Promise<void> {
  command.endInput();
  const { status } = await command.exit;
  if (status === 0) return;
  const words = command.stderr().trim().slice(0, 400);
  throw new LifeboatError(
    "target-failed",
    `the PostgreSQL server in ${folder} on ${machine.name} may still run (status ${status}): ${words}`,
  );
}
