import type { Place } from "./config-problem.ts";

/** A configuration value with its place: what YAML gave, independent of the YAML library. */
export type ConfigNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly place: Place | undefined;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly ConfigNode[];
  readonly place: Place | undefined;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: Map<string, MapEntry>;
  readonly place: Place | undefined;
  /** Keys that were taken out because they were reported: they are wrong, not missing. */
  readonly pruned: Set<string>;
}

export interface MapEntry {
  readonly keyPlace: Place | undefined;
  readonly node: ConfigNode;
  /** Offsets of key and value in the file's text. */
  readonly range: readonly [number, number] | undefined;
  /** The layer it comes from, e.g. "templates.critical-db"; set by merging. */
  readonly layer?: string;
  /** What it replaced, nearest first. */
  readonly overrides?: readonly { readonly layer: string; readonly node: ConfigNode; readonly place: Place | undefined }[];
}

export type ConfigPath = readonly (string | number)[];

export function emptyMap(place?: Place): MapNode {
  return { kind: "map", entries: new Map(), place, pruned: new Set() };
}

export function entryAt(node: ConfigNode | undefined, path: ConfigPath): MapEntry | undefined {
  let entry: MapEntry | undefined;
  let at = node;
  for (const step of path) {
    if (at?.kind === "map") {
      entry = at.entries.get(String(step));
      at = entry?.node;
    } else if (at?.kind === "list" && typeof step === "number") {
      const item = at.items[step];
      entry = item === undefined ? undefined : { keyPlace: item.place, node: item, range: undefined };
      at = item;
    } else return undefined;
  }
  return entry;
}

export function nodeAt(node: ConfigNode | undefined, path: ConfigPath): ConfigNode | undefined {
  return path.length === 0 ? node : entryAt(node, path)?.node;
}

/** The place of the value, else of the nearest thing above it that has one. */
export function placeAt(root: ConfigNode, path: ConfigPath, what: "key" | "value" = "value"): Place | undefined {
  for (let length = path.length; length > 0; length--) {
    const entry = entryAt(root, path.slice(0, length));
    const place = what === "key" || length < path.length ? entry?.keyPlace : (entry?.node.place ?? entry?.keyPlace);
    if (place !== undefined) return place;
  }
  return root.place;
}

/** Plain values, for the schema. */
export function plainOf(node: ConfigNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plainOf);
  // No prototype: a key "__proto__" is a key like any other.
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) plain[key] = plainOf(entry.node);
  return plain;
}

/** Values without a place, for built-in defaults. */
export function nodeOf(plain: unknown): ConfigNode {
  if (Array.isArray(plain)) return { kind: "list", items: plain.map(nodeOf), place: undefined };
  if (typeof plain !== "object" || plain === null) {
    return { kind: "scalar", value: plain as ScalarNode["value"], place: undefined };
  }
  const map = emptyMap();
  for (const [key, value] of Object.entries(plain)) {
    map.entries.set(key, { keyPlace: undefined, node: nodeOf(value), range: undefined });
  }
  return map;
}

/** The tree without the value at `path`; its parent remembers that it was there. */
export function prune(root: ConfigNode, path: ConfigPath): ConfigNode {
  const [step, ...rest] = path;
  if (step === undefined) return root;
  if (root.kind === "list" && typeof step === "number") {
    const items = root.items.flatMap((item, index) => (index !== step ? [item] : rest.length === 0 ? [] : [prune(item, rest)]));
    return { ...root, items };
  }
  if (root.kind !== "map") return root;
  const key = String(step);
  const entry = root.entries.get(key);
  if (entry === undefined) return root;
  const entries = new Map(root.entries);
  if (rest.length > 0) {
    entries.set(key, { ...entry, node: prune(entry.node, rest) });
    return { ...root, entries };
  }
  entries.delete(key);
  return { ...root, entries, pruned: new Set([...root.pruned, key]) };
}
