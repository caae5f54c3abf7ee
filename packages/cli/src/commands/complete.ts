import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import { commandRows } from "../command-line/command-table.ts";
import { findCommand } from "../command-line/find-command.ts";
import { globalOptions, valuedOptions } from "../command-line/global-options.ts";
import { optionsOf } from "../command-line/read-options.ts";
import { loadConfigIfThere } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

/** What the completion scripts ask: the words so far, the last one unfinished. One candidate a line. */
export const complete: CommandSpec = {
  arguments: [{ name: "[words...]", description: "the command line so far" }],
  examples: [{ command: "lifeboat complete -- repo ch", does: "check" }],
  async run(session, values) {
    const before = values.words.slice(0, -1);
    const last = values.words.at(-1) ?? "";
    const candidates = (await candidatesFor(session, before, last)).filter((word) => word.startsWith(last));
    if (candidates.length > 0) await session.output.line([...new Set(candidates)].join("\n"));
    return exitCodes.passed;
  },
};

async function candidatesFor(session: Session, before: readonly string[], last: string): Promise<string[]> {
  const visible = commandRows.filter((row) => row.hidden !== true);
  const previous = before.at(-1) ?? "";
  if (previous === "--repo") return names(session, "repositories");
  // Files and free text: the shell knows those better.
  if (valuedOptions.has(previous)) return [];
  const found = findCommand(before);
  if (found.kind === "group") return found.rows.map(({ name }) => name.split(" ")[1] ?? "");
  if (found.kind === "none") return [...visible.map(({ name }) => name.split(" ")[0] ?? ""), ...flags(globalOptions)];
  if (last.startsWith("-")) return flags([...optionsOf(await found.row.load()), ...globalOptions]);
  if (found.row.name === "snapshots") {
    const verbs = found.rest.length === 0 ? ["list", ...secondWords("snapshots")] : [];
    return [...verbs, ...(await names(session, "assets"))];
  }
  if (/^(restore|ls|cat|diff|history|replicate|retention run)$/.test(found.row.name)) return names(session, "assets");
  if (found.row.name === "backup run") return [...(await names(session, "policies")), ...(await names(session, "assets"))];
  if (/^(host|doctor)/.test(found.row.name)) return names(session, "hosts");
  if (found.row.name === "repo repair") return ["index"];
  if (found.row.name.startsWith("drill")) return names(session, "drills");
  return [];
}

async function names(session: Session, kind: "assets" | "policies" | "hosts" | "drills" | "repositories"): Promise<string[]> {
  const silent = { ...session, json: true };
  const config = await loadConfigIfThere(silent).catch(() => undefined);
  return [...(config?.[kind].keys() ?? [])];
}

/** What may follow the first word of a command. */
function secondWords(first: string): string[] {
  return commandRows.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.slice(first.length + 1));
}

function flags(options: readonly { readonly flags: string }[]): string[] {
  return options.flatMap((option) => option.flags.match(/--[a-z-]+/g) ?? []);
}
