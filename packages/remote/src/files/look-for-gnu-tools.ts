import type { Machine } from "@lifeboat/model";
import { isLifeboatError } from "@lifeboat/model";
import { collectOutput } from "../process/collect-output.ts";

export interface GnuTools {
  /** False when no command can be run at all, as where an SFTP server is started in the place of each. */
  readonly runsCommands: boolean;
  /** Those of find and tar that are not there, or not GNU's. */
  readonly missing: readonly ("find" | "tar")[];
}

/** Whether files can be read there by GNU find and GNU tar. Two commands at the same time, one round trip. */
export async function lookForGnuTools(machine: Machine, signal?: AbortSignal): Promise<GnuTools> {
  const [find, tar] = await Promise.all([isGnu(machine, "find", signal), isGnu(machine, "tar", signal)]);
  return {
    runsCommands: find !== undefined || tar !== undefined,
    missing: [...(find ? [] : (["find"] as const)), ...(tar ? [] : (["tar"] as const))],
  };
}

/** undefined: nothing was run. */
async function isGnu(machine: Machine, program: string, signal: AbortSignal | undefined): Promise<boolean | undefined> {
  try {
    const command = await machine.run([program, "--version"], { noInput: true, ...(signal && { signal }) });
    const { stdout, status } = await collectOutput(command, { what: program, limitBytes: 100_000 });
    return status === 0 && (stdout.toString("latin1").split("\n")[0] ?? "").includes("GNU");
  } catch (error) {
    if (isLifeboatError(error, "command-failed")) return undefined;
    throw error;
  }
}
