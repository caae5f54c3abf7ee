import type { HouseRule, Violation } from "../house-rule.ts";
import { parseSource } from "../parse-source.ts";

export const doorsAreExplicit: HouseRule = {
  name: "a room's index.ts only re-exports, by name",
  reason: "the door is read as the room's table of contents; `export *` hides what is in it",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!/^packages\/[^/]+\/src\/(config\/)?index\.ts$/.test(path)) continue;
      parseSource(path, text).walk((node, line) => {
        if (node.type === "ExportAllDeclaration" && node.exportKind !== "type") violations.push({ path, line, what: "export *" });
        if (node.type !== "Program") return;
        for (const statement of node.body as { type: string }[]) {
          if (!statement.type.startsWith("Export") || (statement as { declaration?: unknown }).declaration) {
            violations.push({ path, line, what: `${statement.type} in a door` });
          }
        }
      });
    }
    return violations;
  },
  broken: {
    files: { "packages/engine/src/index.ts": 'export * from "./a.ts";', "packages/queue/src/index.ts": "export const a = 1;" },
    expected: ["packages/engine/src/index.ts:1", "packages/queue/src/index.ts:1"],
  },
};
