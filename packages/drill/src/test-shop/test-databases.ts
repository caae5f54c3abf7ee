import { LifeboatError, type Machine } from "@lifeboat/model";
import { runCommand } from "../machine/run-command.ts";
import type { DatabasePorts } from "../ports.ts";

const bin = "/usr/lib/postgresql/15/bin";

/** Real servers and loads by the databases' own programs, as small as a test can have them. */
export const testDatabases: DatabasePorts = {
  async startThrowawayPostgres(machine, { folder, signal }) {
    await must(machine, ["install", "-d", "-o", "postgres", "-m", "0755", `${folder}/data`, `${folder}/socket`], signal);
    const initdb = [`${bin}/initdb`, "-D", `${folder}/data`, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"];
    await must(machine, asPostgres(initdb), signal);
    const settings = `-c listen_addresses= -c unix_socket_directories=${folder}/socket -c fsync=off -c shared_buffers=16MB`;
    const control = [`${bin}/pg_ctl`, "-D", `${folder}/data`, "-w", "-s"];
    await must(machine, asPostgres([...control, "-l", `${folder}/data/log`, "-o", settings, "start"]), signal);
    return {
      host: `${folder}/socket`,
      port: 5432,
      user: "postgres",
      serverVersion: "15.0",
      binFolder: bin,
      stop: () => must(machine, asPostgres([...control, "-m", "immediate", "stop"]), new AbortController().signal),
    };
  },
  async loadPostgresDump(machine, { server, database, dump, signal }) {
    const secretEnv = server.password === undefined ? {} : { PGPASSWORD: server.password };
    const env = { PGHOST: server.host, PGPORT: `${server.port}`, PGUSER: server.user };
    await load(machine, [`${bin}/pg_restore`, "--exit-on-error", "--no-owner", "-d", database], dump, { env, secretEnv }, signal);
  },
  async loadSqliteDump(machine, { path, dump, signal }) {
    await load(machine, ["sqlite3", "-batch", "-bail", path], dump, {}, signal);
  },
};

function asPostgres(argv: readonly string[]): string[] {
  return ["runuser", "-u", "postgres", "--", ...argv];
}

async function must(machine: Machine, argv: readonly string[], signal: AbortSignal): Promise<void> {
  const result = await runCommand(machine, argv, { signal, cwd: "/" });
  if (result.exit.status !== 0) throw new LifeboatError("command-failed", `${argv.join(" ")}: ${result.stderr}`);
}

async function load(
  machine: Machine,
  argv: readonly string[],
  dump: AsyncIterable<Uint8Array>,
  options: { env?: Record<string, string>; secretEnv?: Record<string, string> },
  signal: AbortSignal,
): Promise<void> {
  const running = await machine.run(argv, { ...options, signal });
  running.exit.catch(() => {});
  for await (const bytes of dump) await running.write(bytes);
  running.endInput();
  for await (const _ of running.stdout);
  const { status } = await running.exit;
  if (status !== 0) throw new LifeboatError("command-failed", `${argv[0]} ended with ${status}: ${running.stderr().trim()}`);
}
