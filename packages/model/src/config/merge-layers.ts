import { type ConfigNode, emptyMap, type MapEntry, type MapNode } from "./config-tree.ts";

export interface Layer {
  /** "defaults.policy", "templates.critical-db", "policies.crm", "built-in". */
  readonly label: string;
  readonly node: MapNode;
}

/** Values that are one choice of several forms: the upper layer's form replaces the lower one's whole. */
const wholeKeys = new Set(["password", "passphrase", "credentials", "access_key_id", "secret_access_key", "hosts"]);

/** Keys of which only one can hold: setting one in an upper layer drops the other from below. */
const alternatives: Readonly<Record<string, string>> = { cron: "every", every: "cron" };

/** One rule: maps merge key by key, everything else replaces, and `key+` appends to the list `key` from below. */
export function mergeLayers(layers: readonly Layer[]): MapNode {
  let merged = emptyMap();
  for (const { label, node } of layers) merged = mergeMaps(merged, node, label);
  return merged;
}

function mergeMaps(lower: MapNode, upper: MapNode, label: string): MapNode {
  const entries = new Map(lower.entries);
  for (const key of upper.entries.keys()) {
    const other = alternatives[key];
    if (other !== undefined && !upper.entries.has(other)) entries.delete(other);
  }
  const plainFirst = [...upper.entries].sort(([left], [right]) => Number(left.endsWith("+")) - Number(right.endsWith("+")));
  for (const [key, entry] of plainFirst) {
    const target = key.endsWith("+") ? key.slice(0, -1) : key;
    entries.set(target, mergeEntry(target, entries.get(target), entry, key !== target, label));
  }
  // "not there" is only a fault of whoever left it out, never of a key that was reported.
  return { kind: "map", entries, place: upper.place ?? lower.place, pruned: new Set([...lower.pruned, ...upper.pruned]) };
}

function mergeEntry(key: string, below: MapEntry | undefined, entry: MapEntry, append: boolean, label: string): MapEntry {
  const { node } = entry;
  if (below !== undefined && node.kind === "map" && below.node.kind === "map" && !wholeKeys.has(key)) {
    const merged = mergeMaps(below.node, node, label);
    return { ...entry, node: merged, layer: label, overrides: [] };
  }
  const overrides =
    below === undefined
      ? []
      : [{ layer: below.layer ?? "", node: below.node, place: below.node.place ?? below.keyPlace }, ...(below.overrides ?? [])];
  if (append && node.kind === "list" && below?.node.kind === "list") {
    return { ...entry, node: { ...node, items: [...below.node.items, ...node.items] }, layer: label, overrides };
  }
  return { ...entry, node: stamp(node, label), layer: label, overrides };
}

/** The layer's name on everything inside a map that came in whole. */
function stamp(node: ConfigNode, label: string): ConfigNode {
  if (node.kind !== "map") return node;
  return mergeMaps(emptyMap(node.place), node, label);
}
