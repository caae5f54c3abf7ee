import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describeSecret, describeSystemError, LifeboatError, messageOf } from "@lifeboat/model";
import type { AnyAuthMethod } from "ssh2";
import ssh2 from "ssh2";
import { AgentWithKeys } from "./agent-with-keys.ts";
import type { SshEndpoint } from "./resolve-endpoint.ts";
import type { LoginOptions } from "./ssh-login.ts";

const usualKeys = ["id_ed25519", "id_ecdsa", "id_rsa"];

/**
 * Ways to log in by key, in the order in which they are tried. A key that the configuration names must be usable, by its
 * passphrase or by the agent; keys that ssh_config names and those with the usual names are passed over when they are not.
 */
export async function readLoginKeys(endpoint: SshEndpoint, options: LoginOptions): Promise<AnyAuthMethod[]> {
  const { host, identityAgent, user: username } = endpoint;
  const agentSocket = identityAgent === "none" ? undefined : (identityAgent ?? options.agentSocket);
  const methods: AnyAuthMethod[] = [];
  const locked: Buffer[] = [];
  for (const path of keyPaths(endpoint, options)) {
    try {
      const { key, passphrase } = await readKey(path, endpoint, options);
      methods.push({ type: "publickey", username, key, ...(passphrase !== undefined && { passphrase }) });
    } catch (error) {
      const publicKey = (await readPublicKey(path)) ?? (await readPublicKey(`${path}.pub`));
      if (publicKey !== undefined) locked.push(publicKey);
      const isUseless = !(error instanceof LockedKey) || agentSocket === undefined;
      if (host.identity !== undefined && isUseless) throw error;
      options.logger.debug({ identity: path, reason: messageOf(error) }, "key passed over");
    }
  }
  if (agentSocket === undefined) return methods;
  const agent = (keys?: readonly Buffer[]): AnyAuthMethod => {
    return { type: "agent", username, agent: keys === undefined ? agentSocket : new AgentWithKeys(agentSocket, keys) };
  };
  // Hosts count refused keys: where one key is named, only that one is shown.
  const named = host.identity !== undefined || endpoint.identitiesOnly;
  if (named && methods.length > 0) return methods;
  if (named && locked.length > 0) return [agent(locked)];
  if (endpoint.identitiesOnly) return methods;
  return [agent(), ...methods];
}

/** The line for authorized_keys of the first key that would be tried; undefined where none can be read (an agent's, perhaps). */
export async function readPublicKeyLine(
  endpoint: SshEndpoint,
  options: Pick<LoginOptions, "homeFolder">,
): Promise<string | undefined> {
  for (const path of keyPaths(endpoint, options)) {
    const wire = (await readPublicKey(path)) ?? (await readPublicKey(`${path}.pub`)) ?? (await readPublicPart(path));
    const type = wire?.toString("latin1", 4, 4 + wire.readUInt32BE(0));
    if (wire !== undefined) return `${type} ${wire.toString("base64")}`;
  }
  return undefined;
}

async function readPublicPart(path: string): Promise<Buffer | undefined> {
  const parsed = await readFile(path)
    .then((key) => ssh2.utils.parseKey(key))
    .catch(() => undefined);
  if (parsed === undefined || parsed instanceof Error) return undefined;
  return [parsed].flat()[0]?.getPublicSSH();
}

function keyPaths({ identities }: SshEndpoint, { homeFolder }: Pick<LoginOptions, "homeFolder">): readonly string[] {
  if (identities !== undefined) return identities;
  return homeFolder === undefined ? [] : usualKeys.map((name) => join(homeFolder, ".ssh", name));
}

class LockedKey extends LifeboatError {}

async function readKey(
  path: string,
  { host }: SshEndpoint,
  { secrets }: LoginOptions,
): Promise<{ key: Buffer; passphrase?: string }> {
  const context = { host: host.name, identity: path };
  const key = await readFile(path).catch((error: unknown) => {
    throw new LifeboatError("login-refused", `cannot read the key ${path} for ${host.name}: ${describeSystemError(error)}`, {
      hint: `Correct identity: of host ${host.name}, or the file's rights.`,
      context,
    });
  });
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error || isPrivate(parsed)) await refuseOpenKey(path, host.name, context);
  if (!(parsed instanceof Error)) {
    if (isPrivate(parsed)) return { key };
    throw new LockedKey("login-refused", `${path} for ${host.name} is a public key`, {
      hint: "Name the private key, or load it into an SSH agent.",
      context,
    });
  }
  const encrypted = /passphrase/i.test(parsed.message);
  if (encrypted && host.passphrase !== undefined) {
    const passphrase = await secrets.resolve(host.passphrase, `passphrase of the key for host ${host.name}`);
    if (!(ssh2.utils.parseKey(key, passphrase) instanceof Error)) return { key, passphrase };
    const message = `the passphrase from ${describeSecret(host.passphrase)} does not open the key ${path} for ${host.name}`;
    throw new LifeboatError("login-refused", message, { hint: `Correct passphrase: of host ${host.name}.`, context });
  }
  const message = `cannot use the key ${path} for ${host.name}: ${parsed.message}`;
  if (!encrypted)
    throw new LifeboatError("login-refused", message, { hint: "Give a private key in OpenSSH or PEM form.", context });
  throw new LockedKey("login-refused", message, {
    hint: `Set passphrase: for host ${host.name}, load the key into an SSH agent, or use a key without a passphrase.`,
    context,
  });
}

/** As ssh does: what others could read may be in other hands already. */
async function refuseOpenKey(path: string, host: string, context: Record<string, string>): Promise<void> {
  const { mode, uid } = await stat(path);
  if ((mode & 0o077) === 0 || uid !== process.getuid?.()) return;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  throw new LifeboatError("login-refused", `the key ${path} for ${host} is open to others (mode ${shown})`, {
    hint: `Run 'chmod 600 ${path}', and replace the key if others could have read it.`,
    context,
  });
}

function isPrivate(parsed: ssh2.ParsedKey | ssh2.ParsedKey[]): boolean {
  return [parsed].flat().every((key) => key.isPrivateKey());
}

/** The wire form out of "TYPE BASE64 COMMENT"; undefined when the file is not there. */
async function readPublicKey(path: string): Promise<Buffer | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const match = /^(?:ssh|ecdsa|sk)-\S+ +([A-Za-z0-9+/=]+)/.exec(text);
  return match?.[1] === undefined ? undefined : Buffer.from(match[1], "base64");
}
