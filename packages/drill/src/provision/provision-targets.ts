import type { CompiledDrillTarget, Machine } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import { isNameTaken, quoteIdentifier, runPostgresScript } from "../databases/postgres-session.ts";
import { makeFolder } from "../machine/path-tools.ts";
import { runCommand } from "../machine/run-command.ts";
import { type DrillPlan, ownRoot } from "../plan/plan-drill.ts";
import { fillRun } from "../plan/substitute.ts";
import type { DrillPorts, PostgresServer, SelectedSnapshot, ThrowawayPostgres } from "../ports.ts";
import type { LiveTarget } from "../targets.ts";
import type { CreatedJournal, CreatedThing } from "./created-journal.ts";

/** What provisioning made; filled in as it goes, so that a failure half way leaves its part for the teardown. */
export interface Provisioned {
  readonly targets: Map<string, LiveTarget>;
  readonly workFolders: Map<string | undefined, string>;
  /** Throwaway servers by the folder they run in. */
  readonly servers: Map<string, ThrowawayPostgres>;
  readonly warnings: string[];
}

export interface ProvisionInput {
  readonly plan: DrillPlan;
  readonly ports: DrillPorts;
  readonly machines: ReadonlyMap<string | undefined, Machine>;
  readonly snapshots: ReadonlyMap<string, SelectedSnapshot>;
  readonly journal: CreatedJournal;
  /** Folder on each machine in which the drill makes its own. */
  readonly workFolder: string;
  /** Called with each secret as soon as it is known. */
  readonly keepSecret: (value: string) => void;
}

export async function provisionTargets(input: ProvisionInput, made: Provisioned, signal: AbortSignal): Promise<void> {
  const { plan, machines, journal } = input;
  for (const [host, machine] of machines) {
    const path = `${input.workFolder}/lifeboat-drill-${plan.run}`;
    await journal.add({ host: host ?? null, kind: "tree", path, what: "the drill's private folder" });
    await journal.add({ host: host ?? null, kind: "programs", run: plan.run });
    // A server in it runs under another user when the drill is root: that one may pass through, and read nothing.
    await makeFolder(machine, path, signal, "0711");
    made.workFolders.set(host, path);
  }
  const roots = new Set<string>();
  for (const target of plan.drill.targets.values()) {
    const machine = machines.get(target.host);
    if (machine === undefined) throw new Error(`no machine for target ${target.id}`);
    if (target.type === "postgresql") await provisionPostgres(target, machine, input, made, signal);
    else await provisionPath(target, machine, input, made, roots, signal);
  }
}

async function provisionPath(
  target: Exclude<CompiledDrillTarget, { type: "postgresql" }>,
  machine: Machine,
  { plan, journal }: ProvisionInput,
  made: Provisioned,
  roots: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const path = fillRun(target.path, plan.run);
  const host = target.host ?? null;
  const root = ownRoot(target.path, plan.run);
  const key = `${host}\0${root}`;
  if (!roots.has(key)) {
    roots.add(key);
    const place = { host, kind: "tree", path: root, what: `target ${target.id}` } as const;
    // What SQLite may leave beside its file.
    await journal.add(
      target.type === "sqlite" && root === path ? { ...place, alsoSuffixes: ["-wal", "-shm", "-journal"] } : place,
    );
  }
  const base = { id: target.id, host: target.host, machine };
  if (target.type === "directory") {
    await makeFolder(machine, path, signal);
    made.targets.set(target.id, { ...base, type: "directory", path });
    return;
  }
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  const result = await runCommand(machine, ["mkdir", "-p", "--", parent], { signal });
  if (result.exit.status !== 0)
    throw new LifeboatError("drill-target-failed", `creating ${parent} failed on ${machine.name}: ${result.stderr}`);
  made.targets.set(target.id, { ...base, type: "sqlite", path });
}

async function provisionPostgres(
  target: Extract<CompiledDrillTarget, { type: "postgresql" }>,
  machine: Machine,
  input: ProvisionInput,
  made: Provisioned,
  signal: AbortSignal,
): Promise<void> {
  const { plan, journal } = input;
  const database = fillRun(target.database, plan.run);
  const server =
    target.server.kind === "throwaway"
      ? await startThrowaway(target.id, target.host, machine, input, made, signal)
      : await describeGiven(target.server, input);
  let thing: CreatedThing | undefined;
  if (target.server.kind === "given") {
    const { address, port, password } = target.server;
    const base = { host: target.host ?? null, kind: "postgres-database", database, target: target.id } as const;
    thing = { ...base, address, port, user: server.user, password: password ?? null };
    await journal.add(thing);
  }
  try {
    const script = `create database ${quoteIdentifier(database)} template template0;`;
    await runPostgresScript(machine, server, "postgres", script, signal);
  } catch (error) {
    // It is somebody else's: the teardown must not drop it.
    if (thing !== undefined && isNameTaken(error)) await journal.disown(thing);
    throw error;
  }
  made.targets.set(target.id, { id: target.id, host: target.host, machine, type: "postgresql", server, database });
}

async function startThrowaway(
  id: string,
  host: string | undefined,
  machine: Machine,
  { plan, ports, journal, snapshots }: ProvisionInput,
  made: Provisioned,
  signal: AbortSignal,
): Promise<PostgresServer> {
  // Short, because its Unix socket's path has room for 107 bytes only.
  const folder = `${made.workFolders.get(host)}/pg-${made.servers.size + 1}`;
  await journal.add({ host: host ?? null, kind: "postgres-server", folder });
  await makeFolder(machine, folder, signal, "0711");
  const steps = plan.restores.filter((step) => step.to === id);
  const recorded = steps.map((step) => snapshots.get(step.asset)?.facts?.serverVersion).find((version) => version !== undefined);
  const majorVersion = recorded?.split(".")[0];
  const server = await ports.startThrowawayPostgres(machine, { folder, majorVersion, signal });
  made.servers.set(folder, server);
  const started = server.serverVersion.split(".")[0];
  if (majorVersion !== undefined && started !== majorVersion) {
    made.warnings.push(
      `target "${id}" runs PostgreSQL ${started}, the dump is from ${majorVersion}, which ${machine.name} does not have`,
    );
  }
  return server;
}

async function describeGiven(
  given: Extract<Extract<CompiledDrillTarget, { type: "postgresql" }>["server"], { kind: "given" }>,
  { ports, keepSecret }: ProvisionInput,
): Promise<PostgresServer> {
  const base = { host: given.address, port: given.port, user: given.user ?? "postgres", serverVersion: "as given" };
  if (given.password === undefined) return base;
  const password = await ports.resolveSecret(given.password, "the password of the drill's server");
  keepSecret(password);
  return { ...base, password };
}
