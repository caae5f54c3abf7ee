import { assessProtection, type CompiledConfig, exitCodes, type Protection, protectionJson } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { protectionLines } from "../output/show-protection.ts";
import { loadConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const status: CommandSpec = {
  options: [
    { flags: "--check", description: "exit code 5 when something is not protected" },
    { flags: "--all", description: "also the assets that are well" },
    { flags: "--asset <ASSET>", description: "only this asset" },
    { flags: "--here", description: "ask the repositories themselves, without the service's history" },
  ],
  examples: [
    { command: "lifeboat status", does: "what needs attention, worst first" },
    { command: "lifeboat status --check --quiet", does: "for a monitor: exit code 5 when an objective is missed" },
    { command: "lifeboat status --here", does: "after the service was lost" },
  ],
  details:
    "Protected: the newest good copy is younger than the RPO, the second site in time, the repository checked and a restore proven in time. With --here, an asset whose repository could not be read as a whole is unknown, and not well.",
  run: showStatus,
};

async function showStatus(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const protection = only(await assess(session, config, values.flag("here")), values.text("asset"));
  const wellOff = protection.level === "good";
  const exit = values.flag("check") && !wellOff ? exitCodes.objectiveMissed : exitCodes.passed;
  if (session.json) await session.answer(protectionJson(protection));
  else if (!session.quiet || !wellOff) {
    for (const line of protectionLines(protection, config.company.timezone, values.flag("all"))) await session.output.line(line);
  }
  return exit;
}

async function assess(session: Session, config: CompiledConfig, isHere: boolean): Promise<Protection> {
  const nowMs = session.clock.now();
  if (isHere) {
    const { readRepositoryHistory, protectionInputOf } = await import("../service/read-run-records.ts");
    const { openJobContext } = await import("../session/open-job-context.ts");
    const context = openJobContext(session, { config, writes: false });
    return assessProtection(protectionInputOf(await readRepositoryHistory(session, context, config), config, nowMs));
  }
  const { openHistory } = await import("../service/history-file.ts");
  const { collectProtection } = await import("@lifeboat/catalog");
  const { catalog } = await openHistory(session, config);
  try {
    return assessProtection(await collectProtection(catalog, config, nowMs));
  } finally {
    await catalog.close();
  }
}

function only(protection: Protection, asset: string | undefined): Protection {
  if (asset === undefined) return protection;
  const assets = protection.assets.filter((one) => one.asset === asset);
  const [one] = assets;
  const level = one?.level ?? "unknown";
  const sentence =
    one === undefined ? `There is no asset "${asset}".` : `${asset}: ${one.state}${one.why === "" ? "" : `, ${one.why}`}.`;
  return { ...protection, level, sentence, assets, attention: assets };
}
