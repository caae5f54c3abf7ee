import { type JobContext, openMachine } from "@lifeboat/jobs";
import {
  type CompiledAsset,
  type CompiledConfig,
  type CompiledHost,
  describeSkew,
  displayName,
  isLifeboatError,
  type Machine,
  skewWarning,
} from "@lifeboat/model";
import { collectOutput, readHostFacts, resolveEndpoint, type SshEndpoint } from "@lifeboat/remote";
import { type Finding, failure } from "./finding.ts";
import { lookAtPathsOverSftp, lookAtTransfer } from "./look-at-transfer.ts";

/** Reaches a host and looks whether its assets can be read. Writes nothing there. */
export async function* lookAtHost(context: JobContext, config: CompiledConfig, host: CompiledHost): AsyncGenerator<Finding> {
  const about = `host ${host.name}`;
  const started = context.clock.now();
  let machine: Machine;
  let endpoint: SshEndpoint;
  try {
    endpoint = await resolveEndpoint(host, context);
    yield* lookAtSshConfig(about, endpoint);
    machine = await openMachine(context, host.name);
  } catch (error) {
    const isUnknown = isLifeboatError(error, "host-key-unknown");
    yield isUnknown ? { ...failure(about, error), next: `lifeboat host trust ${host.name}` } : failure(about, error);
    return;
  }
  try {
    const milliseconds = Math.round(context.clock.now() - started);
    yield {
      level: "ok",
      about,
      text: `${endpoint.user}@${endpoint.address}:${endpoint.port} logged in with a known key${wayOf(endpoint)} in ${milliseconds} ms`,
    };
    const assets = [...config.assets.values()].filter((asset) => asset.host === host.name);
    const { way, runsCommands, findings } = await lookAtTransfer(context, machine, host, assets);
    if (runsCommands) yield* lookAtFacts(context, machine, about);
    yield* findings;
    for (const program of programsFor(host, assets, way)) yield await programOn(machine, about, program);
    const sudo = host.sudo && endpoint.user !== "root" && way === "tar";
    if (sudo) yield await sudoOn(machine, about);
    for (const asset of assets) {
      const files = asset.source.type === "files" && way === "sftp";
      yield* files
        ? lookAtPathsOverSftp(context, machine, endpoint.user, asset)
        : lookAtAsset(machine, { user: endpoint.user, sudo }, asset);
    }
  } catch (error) {
    yield failure(about, error);
  } finally {
    await machine.close();
  }
}

/** What came from ssh_config, and what there has no counterpart here. */
function* lookAtSshConfig(about: string, { origins, unsupported }: SshEndpoint): Generator<Finding> {
  for (const [key, { value, place }] of Object.entries(origins)) yield { level: "ok", about, text: `${key} ${value} (${place})` };
  for (const line of unsupported) {
    yield { level: "warning", about, text: line, next: "set it in the configuration, or ssh_config: false" };
  }
}

function wayOf({ jumps }: SshEndpoint): string {
  return jumps.length === 0 ? "" : ` by way of ${jumps.map(({ name }) => name).join(", ")}`;
}

/** What it says of itself, and whether its clock is right. */
async function* lookAtFacts({ clock, signal }: JobContext, machine: Machine, about: string): AsyncGenerator<Finding> {
  const facts = await readHostFacts(machine, { clock, signal });
  const system = [facts?.system, facts?.kernel].filter((text) => text !== undefined).join(", ");
  if (system !== "") yield { level: "ok", about, text: system };
  if (facts?.clock_skew_ms === undefined) {
    yield { level: "warning", about, text: "its clock cannot be read", next: "look at what date prints there" };
    return;
  }
  const text = describeSkew(facts.clock_skew_ms);
  const isOff = skewWarning(facts) !== undefined;
  yield isOff
    ? { level: "warning", about, text, next: "start time synchronisation on both machines" }
    : { level: "ok", about, text };
}

function programsFor(host: CompiledHost, assets: readonly CompiledAsset[], way: "tar" | "sftp"): readonly string[] {
  const types = new Set(assets.map(({ source }) => source.type));
  return [
    ...((types.has("files") && way === "tar") || host.purpose === "scratch" ? ["find", "tar"] : []),
    ...(types.has("postgresql") ? ["pg_dump", "psql"] : []),
    ...(types.has("sqlite") ? ["sqlite3"] : []),
  ];
}

const packages: Readonly<Record<string, string>> = {
  find: "findutils",
  tar: "tar",
  pg_dump: "postgresql-client",
  psql: "postgresql-client",
  sqlite3: "sqlite3",
};

async function programOn(machine: Machine, about: string, program: string): Promise<Finding> {
  const { status, stdout } = await collectOutput(await machine.run([program, "--version"], { noInput: true }), {
    what: program,
    limitBytes: 100_000,
  });
  if (status !== 0) return { level: "bad", about, text: `${program} is missing`, next: `apt install ${packages[program]}` };
  const first = stdout.toString("utf8").split("\n")[0] ?? "";
  if ((program === "find" || program === "tar") && !first.includes("GNU")) {
    return { level: "bad", about, text: `${program} is not GNU ${program}`, next: `install GNU ${program}` };
  }
  return { level: "ok", about, text: first.slice(0, 80) };
}

async function sudoOn(machine: Machine, about: string): Promise<Finding> {
  const { status, stderr } = await collectOutput(await machine.run(["tar", "--version"], { sudo: true }), {
    what: "sudo",
    limitBytes: 100_000,
  });
  if (status === 0) return { level: "ok", about, text: "sudo -n tar is allowed" };
  const words = stderr.trim().split("\n").at(-1) ?? "";
  return {
    level: "bad",
    about,
    text: `sudo -n tar is refused (${words.slice(0, 200)})`,
    next: "add the sudoers line, or set sudo: false",
  };
}

interface Reader {
  readonly user: string;
  readonly sudo: boolean;
}

async function* lookAtAsset(machine: Machine, reader: Reader, { name, source }: CompiledAsset): AsyncGenerator<Finding> {
  const about = `asset ${name}`;
  const paths = source.type === "files" ? source.paths : source.type === "sqlite" ? [source.path] : [];
  for (const path of paths) {
    const command = await machine.run(["test", "-e", Buffer.from(path, "latin1")], { sudo: reader.sudo });
    const { status } = await collectOutput(command, { what: "test", limitBytes: 1000 });
    const shown = displayName(path);
    if (status === 0) yield { level: "ok", about, text: `${shown} is there` };
    else
      yield {
        level: "bad",
        about,
        text: `${shown} is not there, or cannot be seen by ${reader.user}`,
        next: `correct the path in the policy, or the rights of ${reader.user}`,
      };
  }
}
