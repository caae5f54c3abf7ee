import { type CompiledHost, LifeboatError, type Machine } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/** The worker itself, or a host of the configuration over SSH. The caller closes it. */
export async function openMachine(context: JobContext, hostName: string | undefined): Promise<Machine> {
  const { connectHost, LocalMachine } = await import("@lifeboat/remote");
  if (hostName === undefined) return new LocalMachine({ env: context.localEnv });
  const { secrets, logger, signal, clock, homeFolder, agentSocket } = context;
  return connectHost(findHost(context, hostName), { secrets, logger, signal, clock, homeFolder, agentSocket });
}

export function findHost(context: Pick<JobContext, "config">, name: string): CompiledHost {
  const host = context.config?.hosts.get(name);
  if (host === undefined) {
    const known = [...(context.config?.hosts.keys() ?? [])].join(", ") || "none";
    throw new LifeboatError("asset-unknown", `there is no host "${name}" in the configuration (known: ${known})`);
  }
  return host;
}
