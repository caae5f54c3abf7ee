import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Files by their path from the root, with `/`; texts only. */
export type SourceTree = ReadonlyMap<string, string>;

const skippedFolders = new Set(["node_modules", ".git", ".turbo", ".cache", "coverage", "dist"]);
const binary = /\.(wasm|png|ico|woff2?|gz|tar|node)$/;

/** Everything under a folder that people wrote. */
export function readSourceTree(root: string): SourceTree {
  const files = new Map<string, string>();
  const walk = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!skippedFolders.has(entry.name) && path !== "bench/work") walk(path);
      } else if (entry.isFile() && !binary.test(entry.name) && !entry.name.endsWith(".tsbuildinfo")) {
        files.set(path, readFileSync(join(root, path), "utf8"));
      }
    }
  };
  walk("");
  return files;
}

/** The room that a file of the product lies in: `engine` for packages/engine/src/... */
export function roomOf(path: string): string | undefined {
  return /^packages\/([^/]+)\/(?!.*node_modules)/.exec(path)?.[1];
}

/** Files that only tests load; a rule sees to it that nothing else imports them. */
export function isTestFile(path: string): boolean {
  return path.startsWith("test/") || /\.(test|bench)\.ts$|(^|\/)test-[^/]*\.ts$|-contract\.ts$/.test(path);
}

/** TypeScript of the rooms that runs in production. */
export function isProductFile(path: string): boolean {
  return /^packages\/[^/]+\/src\/.*\.ts$/.test(path) && !isTestFile(path) && !path.endsWith(".d.ts");
}
