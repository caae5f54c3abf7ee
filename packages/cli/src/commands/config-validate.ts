import { exitCodes, LifeboatError, nextSlot, renderProblems } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { formatMoment } from "../output/format-time.ts";
import { type ReadConfig, readConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const configValidate: CommandSpec = {
  arguments: [{ name: "[file]", description: "instead of --config" }],
  options: [
    { flags: "--format <FORMAT>", description: "how problems are written", choices: ["text", "json", "github"], default: "text" },
    { flags: "--strict", description: "warnings fail too" },
    { flags: "--all", description: "show every known key where one is unknown" },
  ],
  examples: [
    { command: "lifeboat config validate", does: "every error of every file, each with its place" },
    { command: "lifeboat config validate --format github --strict", does: "in a code review" },
  ],
  run: validate,
};

async function validate(session: Session, values: OptionValues): Promise<number> {
  const given = values.words[0];
  const read = await readConfig(given === undefined ? session : { ...session, configFlag: given });
  const { parsed, files } = read;
  const errors = parsed.problems.filter(({ severity }) => severity === "error").length;
  const warnings = parsed.problems.length - errors;
  const format = session.json ? "json" : values.text("format");
  const exit = errors > 0 || (warnings > 0 && values.flag("strict")) ? exitCodes.usage : exitCodes.passed;
  if (format === "json" || format === "github") {
    await session.output.out(renderProblems(parsed.problems, files, { format }));
    return exit;
  }
  session.say(read.path);
  if (parsed.problems.length > 0) {
    const text = renderProblems(parsed.problems, files, {
      color: session.output.colour && session.output.outIsTerminal,
      all: values.flag("all"),
    });
    await session.output.out(text);
  }
  if (parsed.config !== undefined && !session.quiet) for (const line of overview(session, read)) await session.output.line(line);
  return exit;
}

/** What a configuration means, so that a person sees that it is what was meant. */
function overview(session: Session, { parsed, files }: ReadConfig): string[] {
  const { config } = parsed;
  if (config === undefined) throw new LifeboatError("config-invalid", "a configuration with errors has no overview");
  const now = session.clock.now();
  const lines = [
    `✓ valid: ${countOf(files.length, "file")}, ${countOf(config.assets.size, "asset")}, ${countOf(config.drills.size, "drill")}`,
  ];
  for (const policy of config.policies.values()) {
    const copies = policy.replicate.to.length === 0 ? "" : `, copied to ${policy.replicate.to.join(", ")}`;
    const next = nextSlot(policy.schedule, policy.name, now);
    const when = next === undefined ? "by hand only" : `next ${formatMoment(next, policy.schedule.when.timezone)}`;
    lines.push(
      `  policy ${policy.name}: ${countOf(policy.assets.length, "asset")} (${policy.assets.slice(0, 6).join(", ")}${policy.assets.length > 6 ? ", ..." : ""}) -> ${policy.repository}${copies}; ${when}`,
    );
  }
  return lines;
}
