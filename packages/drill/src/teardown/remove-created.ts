import { LifeboatError, type Machine } from "@lifeboat/model";
import { queryPostgres, quoteIdentifier, quoteLiteral, runPostgresScript } from "../databases/postgres-session.ts";
import { pathExists, removeTree } from "../machine/path-tools.ts";
import { lastWords, runCommand } from "../machine/run-command.ts";
import type { PostgresServer } from "../ports.ts";
import type { CreatedThing } from "../provision/created-journal.ts";
import { runMarker } from "../steps/run-drill-command.ts";

// Both scripts are constant; what they look for comes as an argument.
const stopProgramsScript = `for signal in TERM KILL; do
  i=0
  while [ $i -lt 30 ]; do
    found=$(grep -lzxF -e "$1" /proc/[0-9]*/environ 2>/dev/null)
    [ -z "$found" ] && exit 0
    if [ $i -eq 0 ]; then
      for file in $found; do pid=\${file#/proc/}; kill -s $signal "\${pid%/environ}" 2>/dev/null; done
    fi
    i=$((i + 1)); sleep 0.1
  done
done
echo "still running: $(echo $found)" >&2
exit 1`;

const stopServerScript = `for signal in INT QUIT KILL; do
  i=0
  while [ $i -lt 100 ]; do
    alive=
    for file in "$1"/postmaster.pid "$1"/*/postmaster.pid; do
      [ -f "$file" ] || continue
      pid=$(head -n 1 "$file")
      case "$pid" in ''|*[!0-9]*) continue ;; esac
      tr '\\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF -e "$1" || continue
      alive=$pid
      [ $i -eq 0 ] && kill -s $signal "$pid" 2>/dev/null
    done
    [ -z "$alive" ] && exit 0
    i=$((i + 1)); sleep 0.1
  done
done
echo "process $alive is still running" >&2
exit 1`;

export interface RemovalPorts {
  machine(host: string | undefined): Promise<Machine>;
  /** The server of a database that was made on a given one. */
  server(thing: Extract<CreatedThing, { kind: "postgres-database" }>): Promise<PostgresServer>;
}

/** For people: "directory ...", without a secret. */
export function describeCreated(thing: CreatedThing): string {
  if (thing.kind === "tree") return `${thing.path} (${thing.what})`;
  if (thing.kind === "postgres-server") return `PostgreSQL server in ${thing.folder}`;
  if (thing.kind === "postgres-database") return `database ${thing.database} at ${thing.address}:${thing.port}`;
  return "programs that the drill started";
}

/** Removes one thing and looks whether it is gone. Rejects when it is not, or when that cannot be told. */
export async function removeCreated(thing: CreatedThing, ports: RemovalPorts, signal: AbortSignal): Promise<void> {
  const machine = await ports.machine(thing.host ?? undefined);
  if (thing.kind === "tree") {
    for (const path of [thing.path, ...(thing.alsoSuffixes ?? []).map((suffix) => thing.path + suffix)]) {
      await removeTree(machine, path, signal);
      if (await pathExists(machine, path, signal)) throw left(machine, path, "is still there");
    }
    return;
  }
  if (thing.kind === "programs") return stopMarked(machine, thing.run, signal);
  if (thing.kind === "postgres-server") {
    const result = await runCommand(machine, ["sh", "-c", stopServerScript, "sh", thing.folder], { signal });
    if (result.exit.status !== 0) throw left(machine, describeCreated(thing), lastWords(result));
    return;
  }
  const server = await ports.server(thing);
  const { database } = thing;
  await runPostgresScript(
    machine,
    server,
    "postgres",
    `drop database if exists ${quoteIdentifier(database)} with (force);`,
    signal,
  );
  const query = `select count(*) from pg_database where datname = ${quoteLiteral(database)}`;
  const answer = await queryPostgres(machine, server, "postgres", query, { signal, timeoutSeconds: 60 });
  if (answer.kind !== "rows") throw left(machine, describeCreated(thing), answer.message);
  if (answer.rows[0]?.[0] !== "0") throw left(machine, describeCreated(thing), "is still there");
}

/** Ends every program that carries the drill's marker: TERM, three seconds, KILL. */
export async function stopMarked(machine: Machine, run: string, signal: AbortSignal): Promise<void> {
  const argv = ["sh", "-c", stopProgramsScript, "sh", `${runMarker}=${run}`];
  const result = await runCommand(machine, argv, { signal });
  if (result.exit.status !== 0) throw left(machine, "programs that the drill started", lastWords(result));
}

function left(machine: Machine, what: string, why: string): LifeboatError {
  return new LifeboatError("drill-target-failed", `${what} on ${machine.name}: ${why}`, {
    hint: "Run 'lifeboat drill sweep', or remove it by hand.",
  });
}
