import {
  type CompiledConfig,
  type Explanation,
  exitCodes,
  explainValue,
  LifeboatError,
  renderExplanation,
  renderProblems,
} from "@lifeboat/model";
import { resolveEndpoint } from "@lifeboat/remote";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { readConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const configExplain: CommandSpec = {
  arguments: [{ name: "[path]", description: "policies.crm.objectives.rto; without one, what there is" }],
  examples: [
    {
      command: "lifeboat config explain policies.crm.objectives.rto",
      does: "the value, the line it comes from, and what it overrides",
    },
    { command: "lifeboat config explain", does: "policies, assets, repositories, hosts and drills" },
  ],
  run: explain,
};

async function explain(session: Session, values: OptionValues): Promise<number> {
  const { path, parsed, files } = await readConfig(session);
  session.say(path);
  const [wanted] = values.words;
  if (wanted !== undefined) {
    const explanation = await withSshConfig(session, parsed.config, explainValue(parsed.source, wanted), wanted);
    if (session.json) await session.answer(explanation);
    else if (explanation.found) await session.output.line(renderExplanation(explanation));
    if (!explanation.found) {
      throw new LifeboatError("usage", renderExplanation(explanation), {
        hint: "Run 'lifeboat config explain' to see what there is.",
      });
    }
    return exitCodes.passed;
  }
  const { config } = parsed;
  if (config === undefined) {
    session.output.note(renderProblems(parsed.problems, files, { color: session.output.colour }).trimEnd());
    throw new LifeboatError("config-invalid", `${path} has errors`);
  }
  const parts = {
    policies: [...config.policies.keys()],
    assets: [...config.assets.keys()],
    repositories: [...config.repositories.keys()],
    hosts: [...config.hosts.keys()],
    drills: [...config.drills.keys()],
  };
  if (session.json) await session.answer({ file: path, ...parts });
  else
    for (const [name, list] of Object.entries(parts))
      await session.output.line(`${name.padEnd(13)} ${list.join(", ") || "none"}`);
  return exitCodes.passed;
}

/** Of a host, what nobody wrote down may come from ssh_config. */
async function withSshConfig(
  session: Session,
  config: CompiledConfig | undefined,
  explanation: Explanation,
  wanted: string,
): Promise<Explanation> {
  const [, name = "", key = ""] = /^hosts\.(.+)\.([a-z_]+)$/.exec(wanted) ?? [];
  const host = config?.hosts.get(name);
  if (host === undefined) return explanation;
  const written = explanation.found && explanation.origin.layer !== "built-in";
  // An address is looked up as an alias, so that also a written one may lead elsewhere.
  if (written && key !== "address") return explanation;
  const given = (await resolveEndpoint(host, { homeFolder: session.environment.HOME })).origins[key];
  if (given === undefined) return explanation;
  const below = explanation.found ? [explanation.origin, ...explanation.overrides] : [];
  const origin = { layer: given.place, place: undefined, value: given.value };
  return { found: true, path: wanted, value: given.value, origin, overrides: below };
}
