import { userInfo } from "node:os";
import { resolve } from "node:path";
import { findNode, streamFile } from "@lifeboat/engine";
import { openMachine } from "@lifeboat/jobs";
import { byteString, displayName, exitCodes, LifeboatError, type Machine } from "@lifeboat/model";
import { createPostgresDatabase, loadPostgresDump, loadSqliteDump, type PostgresTarget } from "@lifeboat/remote";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatBytes } from "../output/format-size.ts";
import { formatSpan } from "../output/format-time.ts";
import { showProgress } from "../output/show-progress.ts";
import { type OpenedSnapshot, openSnapshot } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

/** A dump into a database that does not exist yet: nothing is ever overwritten. */
export async function restoreDatabase(session: Session, values: OptionValues): Promise<number> {
  const progress = showProgress(session, "restore");
  await using opened = await openSnapshot(session, values, values.word(0), progress);
  const { repository, snapshot, context } = opened;
  const path = opened.path ?? byteString(onlyPath(snapshot.paths));
  await repository.loadIndex({ signal: session.signal });
  const { node } = await findNode(repository, snapshot.tree, path, { signal: session.signal });
  const place = placeOf(values, opened);
  session.say(`Plan   ${displayName(path)} of ${snapshot.id.slice(0, 8)} (${formatBytes(node.size)}) into the new ${place.name}`);
  if (session.dryRun) {
    session.say("Dry run: nothing was written.");
    return exitCodes.passed;
  }
  const started = session.clock.now();
  const machine = await openMachine(context, place.host);
  try {
    await place.load(machine, counted(streamFile(repository, node, { signal: session.signal }), node.size));
  } finally {
    await machine.close();
  }
  session.output.status(undefined);
  const seconds = (session.clock.now() - started) / 1000;
  if (session.json) {
    await session.answer({
      message_type: "summary",
      schema: "lifeboat.restore/1",
      result: session.isIncomplete ? "incomplete" : "passed",
      snapshot_id: snapshot.id,
      target: place.name,
      total_bytes: node.size,
      seconds_elapsed: seconds,
    });
  } else session.say(`✓ ${place.name} loaded, ${formatBytes(node.size)} in ${formatSpan(seconds)}; no object failed`);
  return exitCodes.passed;

  async function* counted(stream: AsyncIterable<Uint8Array>, totalBytes: number): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of stream) {
      yield chunk;
      bytes += chunk.length;
      const percent = totalBytes === 0 ? {} : { percent_done: bytes / totalBytes };
      const elapsed = Math.round((session.clock.now() - started) / 1000);
      progress({
        message_type: "status",
        phase: "loading",
        seconds_elapsed: elapsed,
        bytes_done: bytes,
        total_bytes: totalBytes,
        ...percent,
      });
    }
  }
}

function onlyPath(paths: readonly string[]): string {
  if (paths.length === 1) return paths[0]!;
  throw new LifeboatError("usage", `the snapshot holds ${paths.length} paths; which one is the dump?`, {
    hint: "Name it: SNAPSHOT:/PATH",
  });
}

interface DatabasePlace {
  /** For people: "database shop on db1". */
  readonly name: string;
  readonly host: string | undefined;
  load(machine: Machine, dump: AsyncIterable<Uint8Array>): Promise<void>;
}

function placeOf(values: OptionValues, opened: OpenedSnapshot): DatabasePlace {
  const { signal } = opened.context;
  const sqlite = values.text("to-sqlite");
  if (sqlite !== undefined) {
    const { host, rest } = splitHost(sqlite, ":", opened);
    const path = host === undefined ? resolve(rest) : rest;
    return {
      name: `database file ${path} on ${host ?? "this machine"}`,
      host,
      load: (machine, dump) => loadSqliteDump(machine, { path, dump, signal }),
    };
  }
  const { host, rest: database } = splitHost(values.text("to-postgres") ?? "", "/", opened);
  if (database === "") throw new LifeboatError("usage", "--to-postgres needs the name of a new database");
  return {
    name: `database ${database} on ${host ?? "this machine"}`,
    host,
    async load(machine, dump) {
      const server = await serverOf(values, opened, host);
      await createPostgresDatabase(machine, { server, database, signal });
      await loadPostgresDump(machine, { server, database, dump, signal });
    },
  };
}

function splitHost(text: string, separator: string, { config }: OpenedSnapshot): { host: string | undefined; rest: string } {
  const at = text.indexOf(separator);
  const host = text.slice(0, at);
  if (at > 0 && config?.hosts.has(host)) return { host, rest: text.slice(at + 1) };
  if (separator === "/" && at >= 0) {
    const known = [...(config?.hosts.keys() ?? [])].join(", ") || "none";
    throw new LifeboatError("asset-unknown", `there is no host "${host}" in the configuration (known: ${known})`);
  }
  return { host: undefined, rest: text };
}

/** The server that the asset's own source names where that is the same host; options win; else the socket of the machine. */
async function serverOf(values: OptionValues, opened: OpenedSnapshot, host: string | undefined): Promise<PostgresTarget> {
  const { config, context } = opened;
  const asset = [...(config?.assets.values() ?? [])].find((one) => one.host === host && one.source.type === "postgresql");
  const source = asset?.source.type === "postgresql" ? asset.source : undefined;
  const login = host === undefined ? userInfo().username : config?.hosts.get(host)?.user;
  const file = values.text("db-password-file");
  const reference = file === undefined ? source?.password : { file: resolve(file) };
  return {
    host: values.text("db-server") ?? source?.server ?? "/var/run/postgresql",
    port: portOf(values.text("db-port")) ?? source?.port ?? 5432,
    user: values.text("db-user") ?? source?.user ?? login ?? "postgres",
    ...(reference !== undefined && { password: await context.secrets.resolve(reference, "password of the database") }),
  };
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new LifeboatError("usage", `--db-port "${text}" is no port`);
}
