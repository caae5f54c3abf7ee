import type { SourceTree } from "./source-tree.ts";

export interface Violation {
  readonly path: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
  readonly what: string;
}

export interface HouseRule {
  /** What holds, as a sentence. */
  readonly name: string;
  /** Printed when it does not. */
  readonly reason: string;
  check(tree: SourceTree): Violation[];
  /** A tree that breaks it, and the places a correct rule names: proof that the rule can fail. */
  readonly broken: { readonly files: Readonly<Record<string, string>>; readonly expected: readonly string[] };
}

export function describeViolations(rule: HouseRule, violations: readonly Violation[]): string {
  const places = violations.map(({ path, line, what }) => `  ${path}${line > 0 ? `:${line}` : ""}  ${what}`);
  return [`${rule.name}. Why: ${rule.reason}`, ...places].join("\n");
}
