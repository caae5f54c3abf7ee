import { type ConfigProblem, sortProblems } from "./config-problem.ts";
import { nodeAt } from "./config-tree.ts";
import { readYaml } from "./read-yaml.ts";

/**
 * The globs of `include`, relative to the file's folder. Reading the files that they name is the caller's part: parseConfig
 * gets all texts, the main file first, then the included ones sorted by path, each once.
 */
export function listIncludes(
  path: string,
  text: string,
): { readonly patterns: readonly string[]; readonly problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const root = readYaml(path, text, {}, (problem) => {
    // Variables are parseConfig's business, and it sees them all.
    if (problem.code !== "unset-variable") problems.push({ severity: "error", ...problem });
  });
  const include = nodeAt(root, ["include"]);
  const items = include?.kind === "list" ? include.items : [];
  const patterns = items.flatMap((item) => (item.kind === "scalar" && typeof item.value === "string" ? [item.value] : []));
  return { patterns, problems: sortProblems(problems, [path]) };
}
