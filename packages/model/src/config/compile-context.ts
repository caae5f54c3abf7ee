import type { SecretReference } from "../secrets/secret-reference.ts";
import type { Place, ReportProblem } from "./config-problem.ts";
import { placeText } from "./config-problem.ts";
import { type ConfigNode, type ConfigPath, type MapNode, nodeAt, placeAt } from "./config-tree.ts";
import type { SecretInput } from "./schema/secret-schema.ts";
import { suggest } from "./suggest.ts";

/** What every compile step needs: where to report, and where things stand. */
export interface CompileContext {
  readonly report: ReportProblem;
  /** Milliseconds since 1970: clock changes of the coming year are looked at from here. */
  readonly nowMs: number;
  readonly timezone: string;
  readonly home: string | undefined;
  /** The main file's first line, for what has no place of its own. */
  readonly top: Place;
  /** Where the entries of a section were written, by name. */
  readonly definitions: { readonly [section in Section]: ReadonlyMap<string, Place> };
}

export type Section = "repositories" | "hosts" | "templates" | "policies" | "drills" | "assets";

export function where(context: CompileContext, node: ConfigNode, path: ConfigPath, what: "key" | "value" = "value"): Place {
  return placeAt(node, path, what) ?? context.top;
}

/** True when the key is neither there nor taken out because of another problem. */
export function isMissing(node: MapNode, key: string): boolean {
  return !node.entries.has(key) && !node.pruned.has(key);
}

/** Reports a name that nothing defines; gives the name back when it is known. */
export function resolveName(
  context: CompileContext,
  section: Section,
  name: string,
  what: string,
  place: Place,
): string | undefined {
  const known = context.definitions[section];
  if (known.has(name)) return name;
  const near = suggest(name, known.keys());
  const nearPlace = near === undefined ? undefined : known.get(near);
  const hint =
    near !== undefined
      ? `did you mean "${near}"${nearPlace === undefined ? "" : ` (${placeText(nearPlace)})`}?`
      : known.size === 0
        ? `there are no ${section} yet`
        : `known: ${[...known.keys()].sort().slice(0, 10).join(", ")}${known.size > 10 ? ", ..." : ""}`;
  context.report({ code: "unknown-reference", message: `${what} "${name}" is not defined`, place, hint });
  return undefined;
}

export function secretReference(input: SecretInput | undefined): SecretReference | undefined {
  if (input === undefined) return undefined;
  if ("command" in input) return { command: input.command, timeoutSeconds: input.timeout ?? 10 };
  return input;
}

/** "~/x" under the home folder that the caller knows. */
export function expandHome(context: CompileContext, path: string | undefined): string | undefined {
  return path?.startsWith("~/") && context.home !== undefined ? `${context.home}${path.slice(1)}` : path;
}

/** A secret inside a URL ("//user:password@host") is as plain as one in a password field. */
export function refuseUrlSecret(context: CompileContext, node: ConfigNode, path: ConfigPath): void {
  const found = nodeAt(node, path);
  if (found?.kind !== "scalar" || !/\/\/[^/@\s]*:[^/@\s]+@/.test(String(found.value))) return;
  context.report({
    code: "inline-secret",
    message: "a password may not stand in a URL",
    place: where(context, node, path),
    hint: "name the secret in a field of its own",
  });
}
