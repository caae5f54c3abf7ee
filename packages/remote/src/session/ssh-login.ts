import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CompiledHost, Logger, SecretResolver } from "@lifeboat/model";
import { describeSecret, LifeboatError, messageOf } from "@lifeboat/model";
import type { AnyAuthMethod, AuthenticationType } from "ssh2";
import ssh2 from "ssh2";
import type { HostKeyRules } from "./host-key-check.ts";
import { findKnownKeys, type KnownKey } from "./known-hosts.ts";

export interface LoginOptions {
  readonly secrets: SecretResolver;
  readonly logger: Logger;
  /** For ~/.ssh; undefined: no default keys and no known_hosts file of the user. */
  readonly homeFolder?: string | undefined;
  /** Path of the agent's socket (SSH_AUTH_SOCK); undefined: no agent. */
  readonly agentSocket?: string | undefined;
}

/** All that is needed to log in, resolved once; kept in memory for further connections of the same job. */
export interface SshLogin {
  readonly host: CompiledHost;
  readonly methods: readonly AnyAuthMethod[];
  readonly keyRules: HostKeyRules;
}

const maxFileBytes = 16 * 1024 * 1024;

export async function prepareLogin(host: CompiledHost, options: LoginOptions): Promise<SshLogin> {
  const keyRules = await readKeyRules(host, options);
  const methods: AnyAuthMethod[] = [];
  const username = host.user;
  if (host.identity !== undefined) {
    const key = await readKey(host.identity, host, options);
    if (key !== undefined) methods.push({ type: "publickey", username, key });
  }
  if (options.agentSocket !== undefined && (host.identity === undefined || methods.length === 0)) {
    methods.push({ type: "agent", username, agent: options.agentSocket });
  }
  if (host.identity === undefined && options.homeFolder !== undefined) {
    for (const name of ["id_ed25519", "id_ecdsa", "id_rsa"]) {
      const key = await readDefaultKey(join(options.homeFolder, ".ssh", name), options.logger);
      if (key !== undefined) methods.push({ type: "publickey", username, key });
    }
  }
  if (host.password !== undefined) {
    const password = await options.secrets.resolve(host.password, `password of host ${host.name}`);
    methods.push({ type: "password", username, password });
    methods.push({
      type: "keyboard-interactive",
      username,
      prompt: (_name, _instructions, _lang, prompts, finish) => finish(prompts.map(() => password)),
    });
  }
  if (methods.length === 0) {
    throw new LifeboatError("login-refused", `nothing to log in with at ${host.name}: no identity, no agent, no password`, {
      hint: `Set identity: for host ${host.name}, or start an SSH agent.`,
      context: { host: host.name },
    });
  }
  return { host, methods, keyRules };
}

/** For messages: how the login was tried, without any secret. */
export function describeMethods(login: SshLogin): string {
  const words: Partial<Record<AuthenticationType, string>> = {
    publickey: login.host.identity === undefined ? "default keys" : `key ${login.host.identity}`,
    agent: "agent",
    password: login.host.password === undefined ? "password" : `password from ${describeSecret(login.host.password)}`,
  };
  return [...new Set(login.methods.map((method) => words[method.type]).filter((word) => word !== undefined))].join(", ");
}

async function readKeyRules(host: CompiledHost, options: LoginOptions): Promise<HostKeyRules> {
  const home = options.homeFolder === undefined ? [] : [join(options.homeFolder, ".ssh", "known_hosts")];
  const files = host.knownHosts === undefined ? [...home, "/etc/ssh/ssh_known_hosts"] : [host.knownHosts];
  const known: KnownKey[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw new LifeboatError("host-key-unknown", `cannot read ${file}: ${messageOf(error)}`, { cause: error });
    });
    known.push(...(await findKnownKeys(text.slice(0, maxFileBytes), file, host.address, host.port)));
  }
  return { host, known, files };
}

async function readKey(path: string, host: CompiledHost, options: LoginOptions): Promise<Buffer | undefined> {
  const context = { host: host.name, identity: path };
  const key = await readFile(path).catch((error: unknown) => {
    throw new LifeboatError("login-refused", `cannot read the key ${path} for ${host.name}: ${messageOf(error)}`, {
      hint: `Correct identity: of host ${host.name}, or the file's rights.`,
      context,
      cause: error,
    });
  });
  const parsed = ssh2.utils.parseKey(key);
  if (!(parsed instanceof Error)) return key;
  const encrypted = /passphrase/i.test(parsed.message);
  if (encrypted && options.agentSocket !== undefined) return undefined;
  throw new LifeboatError("login-refused", `cannot use the key ${path} for ${host.name}: ${parsed.message}`, {
    hint: encrypted
      ? "Load it into an SSH agent, or use a key without a passphrase."
      : "Give a private key in OpenSSH or PEM form.",
    context,
  });
}

async function readDefaultKey(path: string, logger: Logger): Promise<Buffer | undefined> {
  const key = await readFile(path).catch(() => undefined);
  if (key === undefined) return undefined;
  const parsed = ssh2.utils.parseKey(key);
  if (!(parsed instanceof Error)) return key;
  logger.debug({ identity: path, reason: parsed.message }, "default key passed over");
  return undefined;
}
