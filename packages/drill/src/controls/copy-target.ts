import { LifeboatError, messageOf } from "@lifeboat/model";
import { isNameTaken, quoteIdentifier, quoteLiteral, runPostgresScript } from "../databases/postgres-session.ts";
import { copySqlite } from "../databases/sqlite-session.ts";
import { freeBytes, makeFolder, usedBytes } from "../machine/path-tools.ts";
import { lastWords, runCommand } from "../machine/run-command.ts";
import type { CreatedThing } from "../provision/created-journal.ts";
import type { LiveTarget } from "../targets.ts";
import { loosenPostgres } from "./postgres-damages.ts";

export interface TargetCopy {
  readonly target: LiveTarget;
  remove(): Promise<void>;
}

/** How copies come and go: noted before they are made, removed when the control is over. */
export interface CopyKeeper {
  /** The drill's `{run}`. */
  readonly run: string;
  /** Number for the next copy's name. */
  next(): number;
  add(thing: CreatedThing): Promise<void>;
  remove(thing: CreatedThing): Promise<void>;
  /** It was not made, because there was something of its name. */
  disown(thing: CreatedThing): Promise<void>;
  /** What the journal says of a database on this target's server; undefined: the server goes as a whole. */
  databaseThing(target: Extract<LiveTarget, { type: "postgresql" }>, database: string): CreatedThing | undefined;
}

/** A whole copy of a target. `fill` puts the content into a folder's copy; the default copies everything. */
export async function copyTarget(
  target: LiveTarget,
  keeper: CopyKeeper,
  signal: AbortSignal,
  fill?: (to: string) => Promise<void>,
): Promise<TargetCopy> {
  const number = keeper.next();
  if (target.type === "postgresql") return copyDatabase(target, number, keeper, signal);
  const path = `${target.path}.control-${number}`;
  const thing: CreatedThing = {
    host: target.host ?? null,
    kind: "tree",
    path,
    what: `copy ${number} of ${target.id} for controls`,
  };
  if (fill === undefined) {
    const [used, free] = [await usedBytes(target.machine, target.path, signal), await freeBytes(target.machine, path, signal)];
    if (used * 1.05 > free) {
      throw new LifeboatError(
        "drill-control-failed",
        `no space for a copy of ${target.path} on ${target.machine.name} (${used} of ${free} bytes)`,
      );
    }
  }
  await keeper.add(thing);
  const copy = { target: { ...target, path }, remove: () => keeper.remove(thing) };
  try {
    if (target.type === "sqlite") await copySqlite(target.machine, target.path, path, signal);
    else {
      await makeFolder(target.machine, path, signal);
      await (fill ?? copyFolder(target, signal))(path);
    }
    return copy;
  } catch (error) {
    await copy.remove().catch(() => {});
    throw error;
  }
}

function copyFolder(target: Extract<LiveTarget, { type: "directory" }>, signal: AbortSignal): (to: string) => Promise<void> {
  return async (to) => {
    const result = await runCommand(target.machine, ["cp", "-a", "--reflink=auto", "-T", "--", target.path, to], { signal });
    if (result.exit.status === 0) return;
    throw new LifeboatError("drill-control-failed", `copying ${target.path} on ${target.machine.name}: ${lastWords(result)}`);
  };
}

/** A database is copied as a template, which nobody may be connected to: an application is cut off for that moment. */
async function copyDatabase(
  target: Extract<LiveTarget, { type: "postgresql" }>,
  number: number,
  keeper: CopyKeeper,
  signal: AbortSignal,
): Promise<TargetCopy> {
  const { machine, server, database } = target;
  // Moment and random end of the run: no other run has them, and they fit into 63 bytes whatever the target's name.
  const name = `lifeboat_control_${keeper.run.slice(-23)}_${number}`;
  const to = quoteIdentifier(name);
  const thing = keeper.databaseThing(target, name);
  if (thing !== undefined) await keeper.add(thing);
  const run = (script: string) => runPostgresScript(machine, server, "postgres", script, signal);
  const remove = async (): Promise<void> => {
    if (thing !== undefined) await keeper.remove(thing);
    else await run(`drop database if exists ${to} with (force);`);
  };
  const copy: LiveTarget = { ...target, database: name };
  let isOurs = true;
  try {
    await cloneDatabase(run, database, to).catch((error: unknown) => {
      isOurs = !isNameTaken(error);
      throw error;
    });
    await loosenPostgres(copy as Extract<LiveTarget, { type: "postgresql" }>, signal);
    return { target: copy, remove };
  } catch (error) {
    if (isOurs) await remove().catch(() => {});
    else if (thing !== undefined) await keeper.disown(thing);
    throw error;
  }
}

/** A backend that was told to end may need a moment: the server itself waits up to five seconds, three times here. */
async function cloneDatabase(run: (script: string) => Promise<void>, database: string, to: string): Promise<void> {
  const from = quoteIdentifier(database);
  const others = `datname = ${quoteLiteral(database)} and pid <> pg_backend_pid()`;
  const allow = `alter database ${from} with allow_connections true;`;
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(`alter database ${from} with allow_connections false;
select pg_terminate_backend(pid) from pg_stat_activity where ${others};
create database ${to} template ${from};
${allow}`);
    } catch (error) {
      await run(allow);
      if (attempt >= 3 || !messageOf(error).includes("55006")) throw error;
    }
  }
}
