import { readFileSync } from "node:fs";
import { exitCodes, LifeboatError, messageOf, renderProblems } from "@lifeboat/model";
import { parseDrillFile } from "@lifeboat/model/config";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { loadConfig, loadConfigIfThere } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const drillValidate: CommandSpec = {
  options: [{ flags: "--drill <FILE>", description: "a file with drills, instead of those of the configuration" }],
  examples: [
    { command: "lifeboat drill validate", does: "the configuration's drills" },
    { command: "lifeboat drill validate --drill drill.yaml", does: "one file" },
  ],
  run: validate,
};

async function validate(session: Session, values: OptionValues): Promise<number> {
  const file = values.text("drill");
  if (file === undefined) {
    const config = await loadConfig(session);
    const names = [...config.drills.keys()];
    if (session.json) await session.answer({ valid: true, drills: names });
    else
      await session.output.line(`✓ ${countOf(names.length, "drill")} valid${names.length === 0 ? "" : `: ${names.join(", ")}`}`);
    return exitCodes.passed;
  }
  const text = readDrillFile(file);
  const config = await loadConfigIfThere(session);
  const options = {
    env: session.environment,
    nowMs: session.clock.now(),
    ...(config !== undefined && { hosts: config.hosts, assets: config.assets }),
  };
  const { drills, problems } = parseDrillFile(file, text, options);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const format = session.json ? "json" : "text";
  if (problems.length > 0 || session.json)
    await session.output.out(
      renderProblems(problems, [{ path: file, text }], { format, color: session.output.colour && session.output.outIsTerminal }),
    );
  if (errors > 0) return exitCodes.usage;
  if (!session.json) await session.output.line(`✓ ${countOf(drills.size, "drill")} valid: ${[...drills.keys()].join(", ")}`);
  return exitCodes.passed;
}

export function readDrillFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new LifeboatError("drill-invalid", `drill file ${file} cannot be read (${messageOf(error)})`, {
      cause: error,
      hint: "Correct --drill.",
    });
  }
}
