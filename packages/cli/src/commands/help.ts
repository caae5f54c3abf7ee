import { exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import { findCommand } from "../command-line/find-command.ts";
import { renderCommandHelp, renderGroupHelp, renderProgramHelp } from "../command-line/render-help.ts";
import { helpTopics } from "../docs/help-topics.ts";
import { renderCliReference } from "../docs/render-cli-reference.ts";

export const help: CommandSpec = {
  arguments: [{ name: "[words...]", description: "a command, or a topic" }],
  options: [{ flags: "--markdown", description: "the whole reference, as in docs/cli.md" }],
  examples: [
    { command: "lifeboat help restore", does: "as 'lifeboat restore --help'" },
    { command: "lifeboat help exit-codes", does: "topics: exit-codes, times, secrets, json" },
  ],
  async run(session, values) {
    await session.output.out(values.flag("markdown") ? await renderCliReference() : await textFor(values.words));
    return exitCodes.passed;
  },
};

async function textFor(words: readonly string[]): Promise<string> {
  if (words.length === 0) return renderProgramHelp();
  const topic = helpTopics.get(words.join(" "));
  if (topic !== undefined) return `${topic.trim()}\n`;
  const found = findCommand(words);
  if (found.kind === "command") return renderCommandHelp(found.row, await found.row.load());
  if (found.kind === "group" && found.wrong === undefined) return renderGroupHelp(found.group, found.rows);
  const topics = [...helpTopics.keys()].join(", ");
  throw new LifeboatError("usage", `there is no command or topic "${words.join(" ")}" (topics: ${topics})`);
}
