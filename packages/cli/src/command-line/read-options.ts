import { Command, CommanderError, Option } from "commander";
import type { CommandSpec, OptionSpec } from "./command-spec.ts";
import type { TableRow } from "./command-table.ts";
import { dryRunOption, globalOptions, repositoryOptions } from "./global-options.ts";
import { OptionValues } from "./option-values.ts";

export type ReadOptions =
  | { readonly kind: "values"; readonly values: OptionValues }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  return [...(spec.options ?? []), ...(spec.repository ? repositoryOptions : []), ...(spec.writes ? [dryRunOption] : [])];
}

export function readOptions(row: TableRow, spec: CommandSpec, argv: readonly string[]): ReadOptions {
  if (argv.slice(0, argv.includes("--") ? argv.indexOf("--") : undefined).some((word) => word === "--help" || word === "-h"))
    return { kind: "help" };
  const command = new Command(`lifeboat ${row.name}`)
    .exitOverride()
    .helpOption(false)
    .configureOutput({ writeErr() {}, writeOut() {} });
  for (const { name, description } of spec.arguments ?? []) command.argument(name, description);
  const options = [...optionsOf(spec), ...globalOptions];
  for (const option of options) command.addOption(toCommander(option));
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return { kind: "wrong", message: error.message.replace(/^error: /, "") };
    throw error;
  }
  const verbose = argv.reduce((sum, word) => sum + (word === "--verbose" ? 1 : /^-v+$/.test(word) ? word.length - 1 : 0), 0);
  const values = new OptionValues({ ...command.opts(), verbose }, command.args);
  // An option that takes several words takes an empty one after them, too, which was to name a snapshot.
  const empty = options.find(({ flags, mayBeEmpty }) => mayBeEmpty !== true && values.texts(nameOf(flags)).includes(""));
  if (empty !== undefined) return { kind: "wrong", message: `option '${empty.flags}': its value is empty` };
  return { kind: "values", values };
}

function nameOf(flags: string): string {
  return /--([a-z-]+)/.exec(flags)?.[1] ?? "";
}

function toCommander({ flags, description, choices, default: preset }: OptionSpec): Option {
  const option = new Option(flags, description);
  if (choices !== undefined) option.choices([...choices]);
  if (preset !== undefined) option.default(preset);
  return option;
}
