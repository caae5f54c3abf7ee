import { readFile } from "node:fs/promises";
import type { CompiledHost, Logger, SecretResolver } from "@lifeboat/model";
import { describeSecret, LifeboatError, messageOf } from "@lifeboat/model";
import type { AnyAuthMethod, AuthenticationType } from "ssh2";
import type { HostKeyRules } from "./host-key-check.ts";
import { findKnownKeys, type KnownKey } from "./known-hosts.ts";
import { readLoginKeys } from "./login-keys.ts";
import type { SshEndpoint } from "./resolve-endpoint.ts";

export interface LoginOptions {
  readonly secrets: SecretResolver;
  readonly logger: Logger;
  /** For ~/.ssh; undefined: no default keys and no known_hosts or config file of the user. */
  readonly homeFolder?: string | undefined;
  /** Path of the agent's socket (SSH_AUTH_SOCK); undefined: no agent. */
  readonly agentSocket?: string | undefined;
}

/** All that is needed to log in, resolved once; kept in memory for further connections of the same job. */
export interface SshLogin {
  readonly host: CompiledHost;
  readonly endpoint: SshEndpoint;
  readonly methods: readonly AnyAuthMethod[];
  readonly keyRules: HostKeyRules;
}

const maxFileBytes = 16 * 1024 * 1024;

/** Reads keys and known_hosts files and resolves secrets. Errors: `login-refused` when there is nothing to log in with. */
export async function prepareLogin(endpoint: SshEndpoint, options: LoginOptions): Promise<SshLogin> {
  const { host, user: username } = endpoint;
  const keyRules = await readKeyRules(endpoint);
  const methods: AnyAuthMethod[] = await readLoginKeys(endpoint, options);
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
  return { host, endpoint, methods, keyRules };
}

/** For messages: how the login was tried, without any secret. */
export function describeMethods({ host, endpoint, methods }: SshLogin): string {
  const { identities } = endpoint;
  const words: Partial<Record<AuthenticationType, string>> = {
    publickey: identities === undefined ? "default keys" : `key ${identities.join(", ")}`,
    agent: "agent",
    password: host.password === undefined ? "password" : `password from ${describeSecret(host.password)}`,
  };
  return [...new Set(methods.map((method) => words[method.type]).filter((word) => word !== undefined))].join(", ");
}

async function readKeyRules({ host, address, port, knownName, knownHosts }: SshEndpoint): Promise<HostKeyRules> {
  const known: KnownKey[] = [];
  for (const file of knownHosts) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw new LifeboatError("host-key-unknown", `cannot read ${file}: ${messageOf(error)}`, { cause: error });
    });
    known.push(...(await findKnownKeys(text.slice(0, maxFileBytes), file, knownName)));
  }
  return { host: { name: host.name, address, port, hostKey: host.hostKey }, knownName, known, files: knownHosts };
}
