import { type JobContext, openMachine } from "@lifeboat/jobs";
import type { Machine } from "@lifeboat/model";
import { type SweepOptions, type SweptDrill, sweepLeftovers } from "../teardown/sweep-leftovers.ts";

export interface SweepOrder {
  /** Folder of the journals. */
  readonly folder: string;
  /** A drill whose leftovers go even before their time; none of its runs may be under way. */
  readonly now?: string | undefined;
  readonly onKept?: SweepOptions["onKept"];
}

/** Removes drills' leftovers in the real world. What could not be removed is told, and stays in its journal. */
export async function sweepDrills(context: JobContext, { folder, now, onKept }: SweepOrder): Promise<SweptDrill[]> {
  const machines = new Map<string | undefined, Promise<Machine>>();
  const open = (host: string | undefined): Promise<Machine> => {
    const machine = machines.get(host) ?? openMachine(context, host);
    machines.set(host, machine);
    return machine;
  };
  try {
    return await sweepLeftovers({
      folder,
      machine: open,
      resolveSecret: (reference, what) => context.secrets.resolve(reference, what),
      clock: context.clock,
      logger: context.logger,
      signal: context.signal,
      ...(now !== undefined && { now }),
      onKept,
    });
  } finally {
    for (const machine of machines.values()) await machine.then((opened) => opened.close()).catch(() => undefined);
  }
}
