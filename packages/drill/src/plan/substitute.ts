import { LifeboatError } from "@lifeboat/model";

/** A place holder in a command: `{run}` or `{TARGET.path}`, `{TARGET.url_file}`, `{TARGET.database}`, `{TARGET.port}`. */
const placeholder = /\{([a-z0-9][a-z0-9._-]*)\.(path|url_file|database|port)\}|\{run\}/g;

export type TargetProperty = "path" | "url_file" | "database" | "port";

/** Ids of the targets that a command is given. */
export function targetsIn(argv: readonly string[]): string[] {
  const ids = new Set<string>();
  for (const word of argv) for (const match of word.matchAll(placeholder)) if (match[1] !== undefined) ids.add(match[1]);
  return [...ids];
}

/** Fills place holders in; other braces stay as they are. `look` gives undefined where a target has no such property. */
export async function substitute(
  argv: readonly string[],
  run: string,
  look: (target: string, property: TargetProperty) => Promise<string | undefined>,
): Promise<string[]> {
  const filled: string[] = [];
  for (const word of argv) {
    let text = "";
    let at = 0;
    for (const match of word.matchAll(placeholder)) {
      text += word.slice(at, match.index);
      at = match.index + match[0].length;
      if (match[1] === undefined) text += run;
      else {
        const value = await look(match[1], match[2] as TargetProperty);
        if (value === undefined) throw new LifeboatError("drill-invalid", `${match[0]}: the drill has no such target or value`);
        text += value;
      }
    }
    filled.push(text + word.slice(at));
  }
  return filled;
}

export function fillRun(text: string, run: string): string {
  return text.replaceAll("{run}", run);
}

/**
 * The `{run}` of one drill: fits into a database name (63 bytes with a prefix), a path and a file name, and no two drills
 * share it: "shop-weekly_20261122t020000z_x7k2q1".
 */
export function makeRunToken(drill: string, declaredAtMs: number, random: () => number): string {
  const stamp = new Date(declaredAtMs).toISOString().slice(0, 19).replace(/[-:]/g, "").toLowerCase();
  let suffix = "";
  for (let at = 0; at < 6; at++) suffix += "abcdefghijklmnopqrstuvwxyz234567"[Math.floor(random() * 32)];
  return `${drill.replace(/[^a-z0-9-]/g, "-").slice(0, 20)}_${stamp}z_${suffix}`;
}
