import { LifeboatError, type Machine } from "@lifeboat/model";
import { loadPostgresDump, loadSqliteDump } from "@lifeboat/remote";
import { runCommand } from "../machine/run-command.ts";
import type { DatabasePorts } from "../ports.ts";

const bin = "/usr/lib/postgresql/15/bin";

/** A real server of the machine's own packages, as small as a test can have it. */
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
  loadPostgresDump,
  loadSqliteDump,
};

function asPostgres(argv: readonly string[]): string[] {
  return ["runuser", "-u", "postgres", "--", ...argv];
}

async function must(machine: Machine, argv: readonly string[], signal: AbortSignal): Promise<void> {
  const result = await runCommand(machine, argv, { signal, cwd: "/" });
  if (result.exit.status !== 0) throw new LifeboatError("command-failed", `${argv.join(" ")}: ${result.stderr}`);
}
