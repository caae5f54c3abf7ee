import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type YAMLMap } from "yaml";
import type { Place, ReportProblem } from "./config-problem.ts";
import { placeText } from "./config-problem.ts";
import { type ConfigNode, emptyMap, type ListNode, type ScalarNode } from "./config-tree.ts";

/** Bounds: a configuration is written by people. */
const maxTextLength = 4 * 1024 * 1024;
const maxNodes = 100_000;
const maxDepth = 50;

/** Keys whose values say where a secret is: no variables in there. */
const secretKeys = new Set(["password", "access_key_id", "secret_access_key"]);
const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The parser takes minutes over half a megabyte of "[": looked at before it begins. Brackets within texts count too, up to so many. */
const maxOpenBrackets = 1000;

function isTooDeep(text: string): boolean {
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = text.charCodeAt(at);
    if (letter === 0x5b || letter === 0x7b) open++;
    else if ((letter === 0x5d || letter === 0x7d) && open > 0) open--;
    if (open > maxOpenBrackets) return true;
  }
  return /(?:[-?:][ \t]+){1000}/.test(text);
}

/** One YAML 1.2 document as a tree with places; `${VAR}` and `${VAR:-default}` are filled in from `env`. */
export function readYaml(file: string, text: string, env: Environment, report: ReportProblem): ConfigNode | undefined {
  const top: Place = { file, line: 1, column: 1, endColumn: 1 };
  if (text.length > maxTextLength) {
    report({ code: "too-big", message: `the file is larger than ${maxTextLength / 1024 / 1024} MiB`, place: top });
    return undefined;
  }
  if (isTooDeep(text)) {
    report({ code: "too-big", message: "the file is nested too deeply or has too many values", place: top });
    return undefined;
  }
  const lines = new LineCounter();
  let nodes = 0;
  const placeOf = (range: readonly number[] | null | undefined): Place => {
    if (range == null) return top;
    const start = lines.linePos(range[0]!);
    const end = lines.linePos(Math.max(range[1] ?? range[0]!, range[0]!));
    const column = Math.max(1, start.col);
    const lineEnd = text.indexOf("\n", range[0]!);
    const restOfLine = column + (lineEnd < 0 ? text.length : lineEnd) - range[0]!;
    return {
      file,
      line: Math.max(1, start.line),
      column,
      endColumn: end.line === start.line ? Math.max(end.col, column + 1) : restOfLine,
    };
  };

  const aliases = new Map<unknown, unknown>();
  try {
    const document = parseDocument(text, {
      version: "1.2",
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      merge: false,
    });
    for (const problem of [...document.errors, ...document.warnings]) {
      const message = problem.message.split("\n")[0]!.slice(0, 300);
      report({ code: "yaml-syntax", message: message.charAt(0).toLowerCase() + message.slice(1), place: placeOf(problem.pos) });
    }
    if (document.errors.length > 0) return undefined;
    const anchors = new Map<string, unknown>();
    visit(document, (_, node) => {
      if (isAlias(node)) aliases.set(node, anchors.get(node.source));
      else if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node);
    });
    return document.contents === null ? emptyMap(top) : convert(document.contents, [], top);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TooBig)) throw error;
    report({ code: "too-big", message: "the file is nested too deeply or has too many values", place: top });
    return undefined;
  }

  function convert(node: unknown, path: readonly string[], above: Place): ConfigNode | undefined {
    if (++nodes > maxNodes || path.length > maxDepth) throw new TooBig();
    // An alias of itself ends at the depth limit, a bomb of aliases at the limit of nodes.
    if (isAlias(node)) return convert(aliases.get(node), [...path, "*"], above);
    if (isMap(node)) return convertMap(node, path);
    if (isSeq(node)) {
      const place = placeOf(node.range);
      return {
        kind: "list",
        items: node.items.flatMap((item) => convert(item, [...path, "[]"], place) ?? []),
        place,
      } satisfies ListNode;
    }
    if (!isScalar(node)) return { kind: "scalar", value: null, place: above };
    const place = node.range == null || node.value === null ? above : placeOf(node.range);
    const { value } = node;
    if (typeof value === "string") return fillIn(value, node.type === "PLAIN", path, place);
    if (typeof value === "number" || typeof value === "boolean" || value === null) return { kind: "scalar", value, place };
    return { kind: "scalar", value: String(value), place };
  }

  function convertMap(node: YAMLMap, path: readonly string[]): ConfigNode {
    const map = emptyMap(placeOf(node.range));
    for (const pair of node.items) {
      const range = isScalar(pair.key) ? pair.key.range : undefined;
      const keyPlace = placeOf(range);
      if (!isScalar(pair.key) || typeof pair.key.value === "object") {
        report({ code: "bad-value", message: "a key must be a word", place: keyPlace });
        continue;
      }
      const key = String(pair.key.value);
      if (key === "__proto__") {
        report({ code: "bad-name", message: '"__proto__" is no name', place: keyPlace });
        continue;
      }
      const before = map.entries.get(key);
      if (before !== undefined) {
        const first = before.keyPlace === undefined ? "" : ` (the first one: ${placeText(before.keyPlace)})`;
        report({ code: "duplicate-key", message: `key "${key}" stands here twice${first}`, place: keyPlace });
        continue;
      }
      const value = convert(pair.value, [...path, key], keyPlace);
      const valueRange = (pair.value as { range?: readonly number[] | null } | null)?.range;
      if (value === undefined) {
        map.pruned.add(key);
        continue;
      }
      const end = valueRange?.[1] ?? range?.[1] ?? 0;
      map.entries.set(key, { keyPlace, node: value, range: range == null ? undefined : [range[0], end] });
    }
    return map;
  }

  function fillIn(text: string, isPlain: boolean, path: readonly string[], place: Place): ScalarNode | undefined {
    if (!text.includes("${")) return { kind: "scalar", value: text, place };
    if (path.some((key) => secretKeys.has(key))) {
      // A variable's value must not become part of a secret's reference unseen.
      report({
        code: "bad-value",
        message: "variables are not filled in where a secret is named",
        place,
        hint: "write { env: NAME }",
      });
      return { kind: "scalar", value: text, place };
    }
    let isSet = true;
    const filled = text.replace(variable, (_, name: string, fallback: string | undefined) => {
      const value = env[name];
      if (value !== undefined && value !== "") return value;
      if (fallback === undefined) {
        isSet = false;
        report({
          code: "unset-variable",
          message: `variable ${name} is not set`,
          place,
          hint: `set it, or write \${${name}:-default}`,
        });
      }
      return fallback ?? "";
    });
    // Reported: whatever else would be said about the value is noise.
    if (!isSet) return undefined;
    if (isPlain && /^-?(0|[1-9][0-9]{0,14})$/.test(filled)) return { kind: "scalar", value: Number(filled), place };
    if (isPlain && (filled === "true" || filled === "false")) return { kind: "scalar", value: filled === "true", place };
    return { kind: "scalar", value: filled, place };
  }
}

class TooBig extends Error {}
