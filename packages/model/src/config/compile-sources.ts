import { byteString } from "../bytes/byte-string.ts";
import { type CompileContext, isMissing, secretReference, where } from "./compile-context.ts";
import type { CompiledGuards, CompiledSource } from "./compiled-config.ts";
import { emptyMap, type ListNode, type MapNode, nodeAt, plainOf } from "./config-tree.ts";
import { mergeLayers } from "./merge-layers.ts";
import type { PolicyInput } from "./schema/policy-schema.ts";
import { selection, source } from "./schema/source-schema.ts";

/** What the sources inherit from their policy. */
const inherited: Readonly<Record<string, readonly string[]>> = { files: [...Object.keys(selection), "guards"] };

/** The sources of a merged policy, each with what it inherits. */
export function mergeSources(policyName: string, policy: MapNode): MapNode[] {
  const list = nodeAt(policy, ["sources"]);
  if (list?.kind !== "list") return [];
  return (list as ListNode).items.flatMap((item) => {
    if (item.kind !== "map") return [];
    const type = nodeAt(item, ["type"]);
    const name = nodeAt(item, ["name"]);
    const from = emptyMap();
    for (const key of inherited[type?.kind === "scalar" ? String(type.value) : ""] ?? ["guards"]) {
      const entry = policy.entries.get(key);
      if (entry !== undefined) from.entries.set(key, entry);
    }
    const label = `policies.${policyName}.sources.${name?.kind === "scalar" ? name.value : "?"}`;
    return [
      mergeLayers([
        { label: `policies.${policyName}`, node: from },
        { label, node: item },
      ]),
    ];
  });
}

/** undefined when something that must be there is not; that has been reported then. */
export function compileSource(context: CompileContext, policyName: string, node: MapNode): CompiledSource | undefined {
  const input = source.parse(plainOf(node));
  const { name } = input;
  const needs = { files: "paths", postgresql: "database", sqlite: "path" }[input.type];
  if (isMissing(node, needs)) {
    const place = where(context, node, ["name"]);
    context.report({ code: "missing-key", message: `source "${name}" of policy "${policyName}" needs "${needs}"`, place });
  }
  const guards = compileGuards(input.guards);
  if (input.type === "files") {
    if (input.paths === undefined) return undefined;
    return {
      type: "files",
      name,
      paths: input.paths.map((path) => byteString(path.replace(/(?<=.)\/+$/, ""))),
      exclude: input.exclude ?? [],
      include: input.include ?? [],
      excludeCaches: input.exclude_caches ?? false,
      excludeIfPresent: input.exclude_if_present ?? [],
      excludeLargerThan: input.exclude_larger_than,
      oneFilesystem: input.one_filesystem ?? false,
      guards,
    };
  }
  const recordRows = input.record?.rows ?? [];
  if (input.type === "sqlite") {
    return input.path === undefined ? undefined : { type: "sqlite", name, path: byteString(input.path), recordRows, guards };
  }
  if (input.database === undefined) return undefined;
  return {
    type: "postgresql",
    name,
    database: input.database,
    user: input.user,
    password: secretReference(input.password),
    server: input.server,
    port: input.port,
    recordRows,
    guards,
  };
}

function compileGuards(input: PolicyInput["guards"]): CompiledGuards {
  return { minBytes: input?.min_bytes, maxShrinkRatio: input?.max_shrink, maxUnreadable: input?.max_unreadable };
}
