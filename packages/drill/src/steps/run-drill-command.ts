import { LifeboatError } from "@lifeboat/model";
import { postgresUrl } from "../databases/postgres-session.ts";
import { type DrillContext, machineOf, workFolderOf } from "../drill-context.ts";
import { writePrivateFile } from "../machine/path-tools.ts";
import { type CommandResult, outputOf, runCommand } from "../machine/run-command.ts";
import { substitute } from "../plan/substitute.ts";
import type { LiveTarget } from "../targets.ts";

/** Every program of a drill carries this in its environment: what it leaves running is found by it and stopped. */
export const runMarker = "LIFEBOAT_DRILL_RUN";

/** Runs a command of the drill's definition with its place holders filled in. */
export async function runDrillCommand(
  context: DrillContext,
  command: readonly string[],
  host: string | undefined,
  signal: AbortSignal,
): Promise<CommandResult> {
  const argv = await fillCommand(context, command, host, signal);
  return runCommand(machineOf(context, host), argv, { signal, env: { [runMarker]: context.plan.run } });
}

/**
 * The same for a command that may leave a server behind. Its output goes to a file: a server that inherits a pipe would
 * hold it open, and the step would never end.
 */
export async function runDetaching(
  context: DrillContext,
  id: string,
  command: readonly string[],
  host: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly status: number | null; readonly output: string }> {
  const argv = await fillCommand(context, command, host, signal);
  const machine = machineOf(context, host);
  const log = `${workFolderOf(context, host)}/output-${id}`;
  // Output may hold what a person must not see; the program itself keeps its umask.
  const script = '(umask 077 && : >"$0") && exec "$@" </dev/null >"$0" 2>&1';
  const env = { [runMarker]: context.plan.run };
  const result = await runCommand(machine, ["sh", "-c", script, log, ...argv], { signal, env });
  const tail = await runCommand(machine, ["tail", "-c", "4096", "--", log], { signal });
  return { status: result.exit.status, output: context.mask(outputOf(tail) + result.stderr) };
}

async function fillCommand(
  context: DrillContext,
  command: readonly string[],
  host: string | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  return substitute(command, context.plan.run, async (id, property) => {
    const target = context.targets.get(id);
    if (target === undefined) return undefined;
    if (property === "path") return target.type === "postgresql" ? undefined : target.path;
    if (target.type !== "postgresql") return undefined;
    if (property === "port") return String(target.server.port);
    return property === "database" ? target.database : writeUrlFile(context, target, host, signal);
  });
}

/** A password must not stand in an argument list, so programs get the path of a private file that holds the URL. */
async function writeUrlFile(
  context: DrillContext,
  target: Extract<LiveTarget, { type: "postgresql" }>,
  host: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const path = `${workFolderOf(context, host)}/url-${target.id}-${target.database}`;
  if (target.database.includes("/")) {
    throw new LifeboatError("drill-invalid", `database "${target.database}" of target "${target.id}" has a slash in its name`);
  }
  await writePrivateFile(machineOf(context, host), path, postgresUrl(target.server, target.database), signal);
  return path;
}
