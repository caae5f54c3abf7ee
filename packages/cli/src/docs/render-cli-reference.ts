import type { OptionSpec } from "../command-line/command-spec.ts";
import { commandTable } from "../command-line/command-table.ts";
import { globalOptions } from "../command-line/global-options.ts";
import { optionsOf } from "../command-line/read-options.ts";
import { describeOption, usageOf } from "../command-line/render-help.ts";
import { helpTopics } from "./help-topics.ts";

/** docs/cli.md: every command, from the same definitions that parse the command line. */
export async function renderCliReference(): Promise<string> {
  const parts = [
    "# Command line",
    "<!-- Written by packages/cli/src/docs/write-docs.ts; change the commands, not this file. -->",
    "`lifeboat COMMAND --help` says the same. In a checkout the command is `npx lifeboat`.",
    "## Options of every command",
    optionTable(globalOptions),
  ];
  for (const section of commandTable) {
    const rows = section.rows.filter((row) => row.hidden !== true);
    parts.push(`## ${section.title}`);
    for (const row of rows) {
      const spec = await row.load();
      parts.push(
        `### lifeboat ${row.name}`,
        `${capital(row.summary)}${/[?.]$/.test(row.summary) ? "" : "."}`,
        `    ${usageOf(row, spec)}`,
      );
      parts.push(spec.examples.map(({ command, does }) => `- \`${command}\`: ${does}`).join("\n"));
      const words = (spec.arguments ?? []).map(({ name, description }) => ({ flags: name, description }));
      const options = [...words, ...optionsOf(spec)];
      if (options.length > 0) parts.push(optionTable(options));
      if (spec.details !== undefined) parts.push(spec.details.trim());
    }
  }
  for (const [topic, text] of helpTopics) parts.push(`## ${capital(topic)}`, `\`\`\`text\n${text.trim()}\n\`\`\``);
  return `${parts.join("\n\n")}\n`;
}

function optionTable(options: readonly OptionSpec[]): string {
  const rows = options.map((option) => `| \`${option.flags}\` | ${cell(describeOption(option))} |`);
  return ["| | |", "| --- | --- |", ...rows].join("\n");
}

export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
