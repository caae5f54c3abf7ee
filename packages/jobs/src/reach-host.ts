import type { CompiledAsset, HostFacts, Machine } from "@lifeboat/model";
import { askHost } from "./ask-host.ts";
import type { JobContext } from "./job-context.ts";
import { openMachine } from "./open-machine.ts";

export interface ReachedHost {
  readonly machine: Machine;
  /** undefined where the host cannot tell, as one that speaks SFTP only. */
  readonly facts: HostFacts | undefined;
}

/** A host on the way; nothing is written on it. */
export interface HostOnTheWay {
  /** Resolves once it has answered; rejects as openMachine and askHost. */
  readonly reached: Promise<ReachedHost>;
  /** Leaves it. What has not answered yet is told to stop and not waited for: a command that gives a secret hears of nothing. */
  leave(): Promise<void>;
}

/**
 * Begins to reach an asset's host. Neither it nor the repository needs the other, and to open both is most of the time that a backup
 * takes which finds nothing new. A run that then adopts a snapshot, or waits for a lock, has logged in for nothing. `after` is what has to be
 * loaded first: the way to the repository is the longer one, and code is loaded one after the other.
 */
export function reachHost(context: JobContext, asset: CompiledAsset, after: Promise<void>): HostOnTheWay {
  const stop = new AbortController();
  const own: JobContext = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
  const reached = after.then(() => reach(own, asset));
  let machine: Machine | undefined;
  reached.then(
    (host) => {
      machine = host.machine;
      if (stop.signal.aborted) machine.close().catch(() => {});
    },
    // Whoever waits for it hears of it; when the repository cannot be opened nobody does, and that is the error then.
    () => {},
  );
  return {
    reached,
    async leave() {
      stop.abort();
      // What its run came to counts, not how the line was hung up.
      await machine?.close().catch(() => {});
    },
  };
}

async function reach(context: JobContext, asset: CompiledAsset): Promise<ReachedHost> {
  const machine = await openMachine(context, asset.host);
  try {
    return { machine, facts: await askHost(context, machine, asset) };
  } catch (error) {
    await machine.close();
    throw error;
  }
}
