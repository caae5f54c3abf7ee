import type { CommandSpec, OptionSpec } from "./command-spec.ts";
import { commandTable, type TableRow } from "./command-table.ts";
import { globalOptions } from "./global-options.ts";
import { optionsOf } from "./read-options.ts";

export function renderProgramHelp(): string {
  const lines = [
    "Lifeboat pulls backups over SSH into a restic repository and proves that they come back.",
    "",
    "  lifeboat init                                              write a commented lifeboat.yaml",
    "  lifeboat up                                                start the service",
    "  lifeboat status                                            are we protected?",
    "  lifeboat restore web1/uploads@latest --to /srv/restore     bring it back",
    "  lifeboat restore latest --repo /srv/repo --password-file F --to DIR    the same, with bare hands",
    "",
  ];
  for (const { title, rows } of commandTable) lines.push(`${title}:`, ...rowLines(rows), "");
  lines.push("Options of every command:", ...optionLines(globalOptions), "");
  lines.push("'lifeboat COMMAND --help' has examples; 'lifeboat help exit-codes' and other topics explain the rest.");
  return `${lines.join("\n")}\n`;
}

export function renderGroupHelp(group: string, rows: readonly TableRow[]): string {
  return `Usage: lifeboat ${group} COMMAND\n\n${rowLines(rows).join("\n")}\n\n'lifeboat ${group} COMMAND --help' has examples.\n`;
}

export function renderCommandHelp(row: TableRow, spec: CommandSpec): string {
  const width = Math.max(...spec.examples.map(({ command }) => command.length));
  const lines = [`${row.name}: ${row.summary}`, "", "Examples:"];
  for (const { command, does } of spec.examples) lines.push(`  ${command.padEnd(width)}   ${does}`);
  lines.push("", `Usage: ${usageOf(row, spec)}`);
  const words = spec.arguments ?? [];
  if (words.length > 0) lines.push("", ...columns(words.map(({ name, description }) => [name, description])));
  const options = optionsOf(spec);
  if (options.length > 0) lines.push("", "Options:", ...optionLines(options));
  lines.push("", "Options of every command:", ...optionLines(globalOptions));
  if (spec.details !== undefined) lines.push("", spec.details.trim());
  return `${lines.join("\n")}\n`;
}

export function usageOf(row: TableRow, spec: CommandSpec): string {
  const words = (spec.arguments ?? []).map(({ name }) => name);
  return ["lifeboat", row.name, ...words, "[options]"].join(" ");
}

function rowLines(rows: readonly TableRow[]): string[] {
  return columns(
    rows.filter((row) => row.hidden !== true).map(({ name, summary }) => [name, summary]),
    18,
  );
}

function optionLines(options: readonly OptionSpec[]): string[] {
  return columns(options.map((option) => [option.flags, describeOption(option)]));
}

export function describeOption({ description, choices, default: preset }: OptionSpec): string {
  const among = choices === undefined ? "" : ` (${choices.join(", ")})`;
  return `${description}${among}${preset === undefined ? "" : ` [${preset}]`}`;
}

function columns(rows: readonly (readonly [string, string])[], atLeast = 0): string[] {
  const width = Math.max(atLeast, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
