import { type CompiledAsset, type HostFacts, type Machine, skewWarning } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/** What the asset's host says of itself; a clock that is off is said in the log, for it can hide changes. */
export async function askHost(context: JobContext, machine: Machine, asset: CompiledAsset): Promise<HostFacts | undefined> {
  const { readHostFacts, sudoPrograms } = await import("@lifeboat/remote");
  const { clock, signal, logger, config } = context;
  const host = config?.hosts.get(asset.host);
  const sudoFor = host?.sudo === true && host.transfer !== "sftp" ? sudoPrograms[asset.source.type] : [];
  const facts = await readHostFacts(machine, { clock, signal, sudoFor });
  const warning = facts === undefined ? undefined : skewWarning(facts);
  if (warning !== undefined) logger.warn({ host: asset.host, skewMs: facts?.clock_skew_ms }, `${asset.host}: ${warning}`);
  return facts;
}
