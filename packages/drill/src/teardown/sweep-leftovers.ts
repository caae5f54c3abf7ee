import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, LifeboatError, type Logger, messageOf, type SecretReference } from "@lifeboat/model";
import type { PostgresServer } from "../ports.ts";
import { type CreatedJournal, type CreatedThing, readCreatedJournal } from "../provision/created-journal.ts";
import type { RemovalPorts } from "./remove-created.ts";
import { type RemovedThing, tearDown } from "./tear-down.ts";

export interface SweepOptions {
  /** Folder of the journals. */
  readonly folder: string;
  readonly machine: RemovalPorts["machine"];
  readonly resolveSecret: (reference: SecretReference, what: string) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** A drill's name: its leftovers are removed even before their time. Only when none of its runs is under way. */
  readonly now?: string;
  /** Told of each drill whose time is not over: it is under way, or was killed. */
  readonly onKept?: ((kept: KeptDrill) => Promise<void>) | undefined;
}

export interface KeptDrill {
  readonly drill: string;
  readonly run: string;
  readonly things: number;
  readonly untilMs: number;
}

export interface SweptDrill {
  readonly drill: string;
  readonly run: string;
  readonly things: readonly RemovedThing[];
}

/**
 * Removes what drills have left whose time is over: killed ones, and those kept for diagnosis. Works from the journals
 * alone, in whatever process. A journal goes when all of it is verified gone.
 */
export async function sweepLeftovers(options: SweepOptions): Promise<SweptDrill[]> {
  const swept: SweptDrill[] = [];
  const files = await readdir(options.folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new LifeboatError("state-folder-failed", `the drills' journals in ${options.folder}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  for (const name of files.filter((file) => file.endsWith(".jsonl")).sort()) {
    const file = join(options.folder, name);
    const journal = await readCreatedJournal(file).catch((error: unknown) => {
      options.logger.warn({ file }, `a drill's journal could not be read: ${messageOf(error)}`);
      return undefined;
    });
    if (journal === undefined) continue;
    const { head } = journal;
    if (options.clock.now() < head.expiresAtMs && head.drill !== options.now) {
      const { drill, run, expiresAtMs: untilMs } = head;
      await options.onKept?.({ drill, run, things: journal.things.length, untilMs });
      continue;
    }
    const things = await tearDown(asJournal(file, journal.things), removalPorts(options), options.signal);
    if (things.every((thing) => thing.state === "removed")) await rm(file, { force: true });
    swept.push({ drill: head.drill, run: head.run, things });
  }
  return swept;
}

function removalPorts(options: SweepOptions): RemovalPorts {
  return {
    machine: options.machine,
    server: (thing) => serverOf(thing, options.resolveSecret),
  };
}

export async function serverOf(
  thing: Extract<CreatedThing, { kind: "postgres-database" }>,
  resolveSecret: SweepOptions["resolveSecret"],
): Promise<PostgresServer> {
  const server = { host: thing.address, port: thing.port, user: thing.user, serverVersion: "as given" };
  if (thing.password === null) return server;
  return { ...server, password: await resolveSecret(thing.password, `the password for database ${thing.database}`) };
}

/** The journal of a process that is gone: nothing is added to it any more. */
function asJournal(file: string, things: CreatedThing[]): CreatedJournal {
  return {
    file,
    things: () => things,
    add: async () => {},
    postpone: async () => {},
    forget: () => {},
    disown: async () => {},
    close: async () => {},
  };
}
