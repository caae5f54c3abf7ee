import { type CompileContext, expandHome, secretReference } from "./compile-context.ts";
import type { CompiledHost } from "./compiled-config.ts";
import { type MapNode, plainOf } from "./config-tree.ts";
import { host } from "./schema/host-schema.ts";

export const hostDefaults = { port: 22, user: "root", sudo: false, purpose: "production", tags: [], connect_timeout: "15s" };

/** `node` with defaults merged in. */
export function compileHost(context: CompileContext, name: string, node: MapNode): CompiledHost {
  const input = host.parse(plainOf(node));
  return {
    name,
    address: input.address ?? name,
    port: input.port ?? hostDefaults.port,
    user: input.user ?? hostDefaults.user,
    identity: expandHome(context, input.identity),
    password: secretReference(input.password),
    knownHosts: expandHome(context, input.known_hosts),
    hostKey: input.host_key === "known_hosts" ? undefined : input.host_key,
    sudo: input.sudo ?? false,
    purpose: input.purpose ?? "production",
    tags: input.tags ?? [],
    connectTimeoutSeconds: input.connect_timeout ?? 15,
  };
}
