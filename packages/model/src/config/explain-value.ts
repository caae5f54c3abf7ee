import { type Place, placeText } from "./config-problem.ts";
import { type ConfigNode, type MapEntry, nodeAt, plainOf } from "./config-tree.ts";
import type { ConfigSource } from "./parse-config.ts";
import { suggest } from "./suggest.ts";

export interface Origin {
  /** "policies.crm", "templates.critical-db", "defaults.policy", "built-in"; "" for what is written once and inherits nothing. */
  readonly layer: string;
  readonly place: Place | undefined;
  readonly value: unknown;
}

export type Explanation =
  | {
      readonly found: true;
      readonly path: string;
      readonly value: unknown;
      readonly origin: Origin;
      readonly overrides: readonly Origin[];
    }
  /** `at`: how far the path leads; `known`: what there is. */
  | {
      readonly found: false;
      readonly at: string;
      readonly missing: string;
      readonly known: readonly string[];
      readonly suggestion?: string;
    };

/** Where a value comes from and what it overrides: "policies.crm.objectives.rto". List items by number, name or id. */
export function explainValue(source: ConfigSource, path: string): Explanation {
  const words = path.split(".");
  let node: ConfigNode = source.root;
  let entry: MapEntry | undefined;
  const done: string[] = [];
  for (let at = 0; at < words.length; ) {
    // Names may have dots: the longest key that fits.
    let taken = 0;
    let next: MapEntry | undefined;
    for (let length = words.length - at; length > 0 && next === undefined; length--) {
      next = childOf(node, words.slice(at, at + length).join("."));
      taken = length;
    }
    if (next === undefined) {
      const missing = words[at]!;
      const known = keysOf(node);
      const suggestion = suggest(missing, known);
      return { found: false, at: done.join("."), missing, known, ...(suggestion === undefined ? {} : { suggestion }) };
    }
    done.push(words.slice(at, at + taken).join("."));
    at += taken;
    entry = next;
    node = next.node;
  }
  const place = entry?.node.place ?? entry?.keyPlace;
  const overrides = (entry?.overrides ?? []).map((one) => ({ layer: one.layer, place: one.place, value: plainOf(one.node) }));
  const value = plainOf(node);
  return { found: true, path, value, origin: { layer: entry?.layer ?? "", place, value }, overrides };
}

function childOf(node: ConfigNode, key: string): MapEntry | undefined {
  if (node.kind === "map") return node.entries.get(key);
  if (node.kind !== "list") return undefined;
  const item = node.items.find((one, index) => String(index) === key || [labelOf(one, "name"), labelOf(one, "id")].includes(key));
  return item === undefined ? undefined : { keyPlace: item.place, node: item, range: undefined };
}

function keysOf(node: ConfigNode): string[] {
  if (node.kind === "map") return [...node.entries.keys()].sort();
  return node.kind === "list"
    ? node.items.map((item, index) => labelOf(item, "name") ?? labelOf(item, "id") ?? String(index))
    : [];
}

function labelOf(node: ConfigNode, key: string): string | undefined {
  const label = nodeAt(node, [key]);
  return label?.kind === "scalar" ? String(label.value) : undefined;
}

/** `2h   from templates.critical-db (lifeboat.yaml:54:45), overrides defaults.policy 8h (lifeboat.yaml:34:47)` */
export function renderExplanation(explanation: Explanation): string {
  if (!explanation.found) {
    const where = explanation.at === "" ? "the configuration" : `"${explanation.at}"`;
    const suggestion = explanation.suggestion === undefined ? "" : `; did you mean "${explanation.suggestion}"?`;
    const known = explanation.known.length === 0 ? "it has no keys" : `known: ${explanation.known.slice(0, 20).join(", ")}`;
    return `${where} has no "${explanation.missing}"${suggestion}   ${known}`;
  }
  const from = originText(explanation.origin);
  const overrides = explanation.overrides.map((one) => `${one.layer || "the file"} ${valueText(one.value)}${placeSuffix(one)}`);
  return `${valueText(explanation.value)}   from ${from}${overrides.length === 0 ? "" : `, overrides ${overrides.join(", ")}`}`;
}

function originText(origin: Origin): string {
  return `${origin.layer || "the file"}${placeSuffix(origin)}`;
}

function placeSuffix(origin: Origin): string {
  return origin.place === undefined ? "" : ` (${placeText(origin.place, true)})`;
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
