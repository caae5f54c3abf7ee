import type { HouseRule, Violation } from "../house-rule.ts";

const nameless = /^(utils?|commons?|shared|helpers?|core|services|lib|misc|stuff)$/;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const fixedByOthers = /^(README\.md|CHANGELOG\.md|\.[a-z-]+)$/;

export const namesSayWhatIsInside: HouseRule = {
  name: "files and folders are kebab-case, and none is named for being nothing in particular",
  reason: "a thing without a room has no name yet; a newcomer finds things by names alone",
  check(tree) {
    const violations: Violation[] = [];
    for (const path of tree.keys()) {
      if (!/^(packages|test|scripts)\//.test(path)) continue;
      const parts = path.split("/");
      for (const part of parts) {
        const stem = part.replace(/\..*$/, "");
        if (path.startsWith("packages/") && nameless.test(stem))
          violations.push({ path, line: 0, what: `"${part}" says nothing` });
        if (!kebabCase.test(part) && !fixedByOthers.test(part))
          violations.push({ path, line: 0, what: `"${part}" is not kebab-case` });
      }
    }
    return violations;
  },
  broken: {
    files: {
      "packages/engine/src/utils/a.ts": "",
      "packages/engine/src/helpers.ts": "",
      "packages/engine/src/blobIndex.ts": "",
      "packages/engine/src/blob_index.ts": "",
      "packages/engine/src/blob-index.test.ts": "",
      "test/services/index.ts": "",
    },
    expected: ["utils/a.ts", "helpers.ts", "blobIndex.ts", "blob_index.ts"].map((name) => `packages/engine/src/${name}:0`),
  },
};
