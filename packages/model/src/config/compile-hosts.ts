import { type CompileContext, expandHome, secretReference } from "./compile-context.ts";
import type { CompiledHost } from "./compiled-config.ts";
import { type MapNode, plainOf } from "./config-tree.ts";
import { host } from "./schema/host-schema.ts";

export const hostDefaults = { port: 22, user: "root", sudo: false, purpose: "production", tags: [], connect_timeout: "15s" };

const defaultRangeHashesFromBytes = 16 * 1024 * 1024;

/** `node` with defaults merged in. Its `jumps` need all hosts: `linkJumps`. */
export function compileHost(context: CompileContext, name: string, node: MapNode): CompiledHost {
  const input = host.parse(plainOf(node));
  return {
    name,
    address: input.address ?? name,
    port: isBuiltIn(node, "port") ? undefined : input.port,
    user: isBuiltIn(node, "user") ? undefined : input.user,
    identity: expandHome(context, input.identity),
    passphrase: secretReference(input.passphrase),
    jumps: undefined,
    sshConfig: input.ssh_config === false ? false : expandHome(context, input.ssh_config),
    password: secretReference(input.password),
    knownHosts: expandHome(context, input.known_hosts),
    hostKey: input.host_key === "known_hosts" ? undefined : input.host_key,
    sudo: input.sudo ?? false,
    nice: input.nice ?? false,
    // 0: "unlimited", in the place of a default that limits.
    maxBytesPerSecond: input.limit === 0 ? undefined : input.limit,
    connections: input.connections ?? 1,
    transfer: input.transfer ?? "auto",
    rangeHashesFromBytes: input.range_hashes === false ? undefined : (input.range_hashes ?? defaultRangeHashesFromBytes),
    purpose: input.purpose ?? "production",
    tags: input.tags ?? [],
    connectTimeoutSeconds: input.connect_timeout ?? 15,
  };
}

/** A default gives way to ssh_config; what was written does not. */
function isBuiltIn(node: MapNode, key: string): boolean {
  return (node.entries.get(key)?.layer ?? "built-in") === "built-in";
}
