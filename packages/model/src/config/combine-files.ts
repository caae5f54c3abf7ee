import { type Place, placeText, type ReportProblem } from "./config-problem.ts";
import { emptyMap, type MapNode } from "./config-tree.ts";

/** Sections whose entries may be spread over files; each name is defined once. */
const spread = ["repositories", "hosts", "templates", "policies", "drills"];

/** One tree out of all files, the main one first. */
export function combineFiles(files: readonly MapNode[], report: ReportProblem): MapNode {
  const combined = emptyMap(files[0]?.place);
  files.forEach((file, index) => {
    for (const [key, entry] of file.entries) {
      if (index > 0 && key === "include") {
        report({ code: "nested-include", message: "an included file may not include others", place: placeOf(entry.keyPlace) });
        continue;
      }
      const before = combined.entries.get(key);
      if (before === undefined) {
        const node = entry.node.kind === "map" ? { ...entry.node, entries: new Map(entry.node.entries) } : entry.node;
        combined.entries.set(key, { ...entry, node });
      } else if (spread.includes(key) && before.node.kind === "map" && entry.node.kind === "map") {
        for (const [name, one] of entry.node.entries) {
          const first = before.node.entries.get(name);
          if (first === undefined) before.node.entries.set(name, one);
          else {
            const message = `"${name}" of ${key} is defined twice (first: ${placeText(placeOf(first.keyPlace))})`;
            report({ code: "duplicate-name", message, place: placeOf(one.keyPlace) });
          }
        }
      } else if (key !== "version") {
        const message = `"${key}" stands in two files (first: ${placeText(placeOf(before.keyPlace))})`;
        report({ code: "duplicate-name", message, place: placeOf(entry.keyPlace) });
      }
    }
    for (const key of file.pruned) combined.pruned.add(key);
  });
  return combined;
}

function placeOf(place: Place | undefined): Place {
  return place ?? { file: "", line: 1, column: 1, endColumn: 1 };
}
