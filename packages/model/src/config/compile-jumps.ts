import { type Jump, parseJumpList } from "../machine/jump-list.ts";
import { type CompileContext, where } from "./compile-context.ts";
import type { CompiledHost } from "./compiled-config.ts";
import { type MapNode, nodeAt } from "./config-tree.ts";

/** Sets `jumps` of every host that has `proxy_jump`: names of hosts are these hosts, everything else is an address. */
export function linkJumps(context: CompileContext, hosts: Map<string, CompiledHost>, nodes: ReadonlyMap<string, MapNode>): void {
  const linked = new Map<string, CompiledHost>();
  const link = (name: string, path: readonly string[]): CompiledHost => {
    const host = hosts.get(name) as CompiledHost;
    const node = nodes.get(name);
    const written = node === undefined ? undefined : nodeAt(node, ["proxy_jump"]);
    const done = linked.get(name);
    if (done !== undefined || node === undefined || written?.kind !== "scalar") return done ?? host;
    const list = written.value === "none" ? [] : parseJumpList(String(written.value));
    if ("problem" in list) return host;
    // A default for all hosts reaches the jump host too, which is no way to itself.
    const jumps = list.filter(({ address }) => address !== name);
    const loop = jumps.find(({ address }) => path.includes(address));
    if (loop !== undefined) {
      const message = `the way to "${path[0]}" leads in a circle: ${[...path, name, loop.address].join(", ")}`;
      context.report({ code: "cycle", message, place: where(context, node, ["proxy_jump"]) });
      return host;
    }
    const result = {
      ...host,
      jumps: jumps.map((jump, index) =>
        hopOf(jump, index, host, (hop) => (hosts.has(hop) ? link(hop, [...path, name]) : undefined)),
      ),
    };
    linked.set(name, result);
    return result;
  };
  for (const name of [...hosts.keys()]) hosts.set(name, link(name, []));
}

/** Only the first machine may itself lie behind others: to the next ones the way is the list. */
function hopOf(jump: Jump, index: number, host: CompiledHost, known: (name: string) => CompiledHost | undefined): CompiledHost {
  const configured = known(jump.address);
  const base: CompiledHost = configured ?? addressOnly(jump.address, host);
  return {
    ...base,
    jumps: index === 0 ? base.jumps : [],
    user: jump.user ?? base.user,
    port: jump.port ?? base.port,
  };
}

/** A machine that is named by nothing but its address: the keys and known_hosts are those of the host behind it. */
function addressOnly(address: string, host: CompiledHost): CompiledHost {
  return {
    ...host,
    name: address,
    address,
    port: undefined,
    user: undefined,
    password: undefined,
    jumps: undefined,
    hostKey: undefined,
    sudo: false,
    tags: [],
  };
}
