import { join } from "node:path";
import { type CompiledHost, type Jump, LifeboatError, parseJumpList } from "@lifeboat/model";
import { knownHostName } from "./known-hosts.ts";
import { lookUpSshHost, type SshConfigAnswer, type SshConfigFile, type SshConfigValue } from "./ssh-config/look-up-ssh-host.ts";

/** Where one connects to and as whom, after the configuration, ssh_config and the defaults have been asked in this order. */
export interface SshEndpoint {
  readonly host: CompiledHost;
  /** The host's name in the configuration. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The name under which known_hosts files list it. */
  readonly knownName: string;
  readonly knownHosts: readonly string[];
  /** Private keys to try, in their order; undefined: those with the usual names. */
  readonly identities: readonly string[] | undefined;
  /** No key of the agent but those of `identities`. */
  readonly identitiesOnly: boolean;
  /** "none", or the path of another agent's socket than the environment's. */
  readonly identityAgent: string | undefined;
  /** On the way, nearest first. */
  readonly jumps: readonly SshEndpoint[];
  /** Keys of the configuration whose value ssh_config gave, each with "FILE:LINE". */
  readonly origins: Readonly<Record<string, SshConfigValue>>;
  /** Lines of ssh_config that would apply but have no counterpart here. */
  readonly unsupported: readonly string[];
}

interface ResolveOptions {
  readonly homeFolder?: string | undefined;
}

const defaultPort = 22;
const defaultUser = "root";
const maxJumps = 16;

/** Reads ssh_config files, connects to nothing. Errors: `ssh-config-invalid`. */
export function resolveEndpoint(host: CompiledHost, options: ResolveOptions): Promise<SshEndpoint> {
  return resolve(host, options, []);
}

async function resolve(host: CompiledHost, options: ResolveOptions, path: readonly string[]): Promise<SshEndpoint> {
  const { homeFolder } = options;
  const answer = await lookUpSshHost(host.address, configFiles(host, homeFolder));
  const origins: Record<string, SshConfigValue> = {};
  const first = (keyword: string) => answer.values.get(keyword)?.[0];
  const pick = (key: string, own: string | undefined, keyword: string): string | undefined => {
    const given = own === undefined ? first(keyword) : undefined;
    if (given !== undefined) origins[key] = given;
    return own ?? given?.value;
  };
  const hostName = first("hostname");
  const address = hostName === undefined ? host.address : expandTokens(hostName, { h: host.address });
  if (hostName !== undefined) origins.address = { ...hostName, value: address };
  const port = portOf(pick("port", host.port?.toString(), "port"), origins.port);
  const user = pick("user", host.user, "user") ?? defaultUser;
  const tokens = { h: address, n: host.address, p: `${port}`, r: user, d: homeFolder };
  const alias = first("hostkeyalias");
  const base = {
    host,
    name: host.name,
    address,
    port,
    user,
    knownName: alias === undefined ? knownHostName(address, port) : expandTokens(alias, tokens),
    ...filesOf(host, answer, tokens, origins),
    identitiesOnly: /^yes$/i.test(first("identitiesonly")?.value ?? ""),
    identityAgent: agentOf(first("identityagent"), tokens),
    origins,
    unsupported: answer.unsupported,
  };
  return { ...base, jumps: await jumpsOf(host, answer, tokens, origins, options, path) };
}

function configFiles({ sshConfig }: CompiledHost, home: string | undefined): SshConfigFile[] {
  if (sshConfig === false) return [];
  const folder = home === undefined ? "/" : join(home, ".ssh");
  if (sshConfig !== undefined) return [{ path: sshConfig, folder, home, required: true }];
  const own: SshConfigFile[] = home === undefined ? [] : [{ path: join(folder, "config"), folder, home, required: false }];
  return [...own, { path: "/etc/ssh/ssh_config", folder: "/etc/ssh", home: undefined, required: false }];
}

type Tokens = Readonly<Record<string, string | undefined>>;

function filesOf(host: CompiledHost, answer: SshConfigAnswer, tokens: Tokens, origins: Record<string, SshConfigValue>) {
  const { values } = answer;
  const paths = (keyword: string) =>
    values
      .get(keyword)
      ?.filter(({ value }) => value !== "none")
      .map((one) => expandPath(one, tokens));
  const keys = host.identity === undefined ? paths("identityfile") : [host.identity];
  const origin = values.get("identityfile")?.[0];
  if (host.identity === undefined && origin !== undefined) origins.identity = { ...origin, value: (keys ?? []).join(", ") };
  if (host.knownHosts !== undefined) return { identities: keys, knownHosts: [host.knownHosts] };
  const known = paths("userknownhostsfile");
  const line = values.get("userknownhostsfile")?.[0];
  if (known !== undefined && line !== undefined) origins.known_hosts = { ...line, value: known.join(", ") || "none" };
  const own = known ?? (tokens.d === undefined ? [] : [join(tokens.d, ".ssh", "known_hosts")]);
  return { identities: keys, knownHosts: [...own, ...(paths("globalknownhostsfile") ?? ["/etc/ssh/ssh_known_hosts"])] };
}

function agentOf(given: SshConfigValue | undefined, tokens: Tokens): string | undefined {
  if (given === undefined || given.value === "SSH_AUTH_SOCK") return undefined;
  return given.value === "none" ? "none" : expandPath(given, tokens);
}

async function jumpsOf(
  host: CompiledHost,
  answer: SshConfigAnswer,
  tokens: Tokens,
  origins: Record<string, SshConfigValue>,
  options: ResolveOptions,
  path: readonly string[],
): Promise<readonly SshEndpoint[]> {
  const way = [...path, host.address];
  if (host.jumps !== undefined) return chain(host.jumps, options, way);
  const command = answer.values.get("proxycommand")?.[0];
  if (command !== undefined && command.value !== "none") {
    throw new LifeboatError(
      "ssh-config-invalid",
      `${command.place}: ProxyCommand is not supported, so there is no way to ${host.name}`,
      {
        hint: `Set proxy_jump: for host ${host.name}, or ssh_config: false where it is reached directly.`,
      },
    );
  }
  const given = answer.values.get("proxyjump")?.[0];
  if (given === undefined || given.value === "none") return [];
  const value = expandTokens(given, tokens);
  const list = parseJumpList(value);
  if ("problem" in list) throw new LifeboatError("ssh-config-invalid", `${given.place}: ${list.problem}`);
  origins.proxy_jump = { ...given, value };
  // A pattern for many hosts matches the jump host too, which is no way to itself.
  const others = list.filter(({ address }) => address !== host.address);
  const loop = others.find(({ address }) => path.includes(address));
  if (loop !== undefined)
    throw new LifeboatError(
      "ssh-config-invalid",
      `${given.place}: the way leads in a circle: ${[...way, loop.address].join(", ")}`,
    );
  return chain(
    others.map((jump, index) => jumpHost(jump, index, host)),
    options,
    way,
  );
}

/** The first may lie behind others of its own; for the rest the way is the list. */
async function chain(hosts: readonly CompiledHost[], options: ResolveOptions, path: readonly string[]): Promise<SshEndpoint[]> {
  const ends: SshEndpoint[] = [];
  for (const host of hosts) {
    const { jumps, ...end } = await resolve(host, options, path);
    ends.push(...jumps, { ...end, jumps: [] });
    if (ends.length > maxJumps)
      throw new LifeboatError("ssh-config-invalid", `more than ${maxJumps} machines on the way to ${path[0]}`);
  }
  return ends;
}

function jumpHost(jump: Jump, index: number, behind: CompiledHost): CompiledHost {
  return {
    ...behind,
    name: jump.address,
    address: jump.address,
    port: jump.port,
    user: jump.user,
    identity: undefined,
    passphrase: undefined,
    password: undefined,
    hostKey: undefined,
    jumps: index === 0 ? undefined : [],
  };
}

function portOf(text: string | undefined, origin: SshConfigValue | undefined): number {
  if (text === undefined) return defaultPort;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new LifeboatError("ssh-config-invalid", `${origin?.place}: ${text} is no port`);
}

function expandPath(given: SshConfigValue, tokens: Tokens): string {
  const { value, place } = given;
  if (value.startsWith("~") && (tokens.d === undefined || !(value === "~" || value.startsWith("~/"))))
    throw new LifeboatError("ssh-config-invalid", `${place}: there is no home folder for ${value}`);
  return expandTokens({ value: value.startsWith("~") ? `${tokens.d}${value.slice(1)}` : value, place }, tokens);
}

/** %h and the like. What depends on the machine's own account is left to ssh, and said so. */
function expandTokens({ value, place }: SshConfigValue, tokens: Tokens): string {
  if (value.includes("${")) throw new LifeboatError("ssh-config-invalid", `${place}: variables as in ${value} are not supported`);
  return value.replace(/%(.)/g, (token, letter: string) => {
    const found = letter === "%" ? "%" : tokens[letter];
    if (found === undefined) throw new LifeboatError("ssh-config-invalid", `${place}: ${token} in ${value} is not supported`);
    return found;
  });
}
