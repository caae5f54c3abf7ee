import { exitCodes, formatDuration, nextSlot } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatLocal, zoneName } from "../output/format-time.ts";
import { renderTable } from "../output/render-table.ts";
import { markOf } from "../output/show-run.ts";
import { readDrillReports } from "../service/drill-reports.ts";
import { openHistoryIfThere } from "../service/history-file.ts";
import { loadConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

export const drillList: CommandSpec = {
  options: [{ flags: "--here", description: "last results from the repositories, without the service's history" }],
  examples: [{ command: "lifeboat drill list", does: "drills, what they restore, their last result and next time" }],
  run: listDrills,
};

async function listDrills(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  if (config.drills.size === 0) {
    session.say("the configuration has no drill; 'lifeboat init' shows one, see drills: in docs/config.md");
    return exitCodes.passed;
  }
  const history = values.flag("here") ? undefined : await openHistoryIfThere(session, config);
  await history?.catalog.close();
  const knows = values.flag("here") || history !== undefined;
  const timezone = config.company.timezone;
  const now = session.clock.now();
  const rows: string[][] = [];
  for (const drill of config.drills.values()) {
    const [last] = knows ? await readDrillReports(session, config, values, { drill: drill.name, limit: 1 }) : [];
    const assets = [...new Set(drill.steps.flatMap((step) => (step.kind === "restore" ? [step.asset] : [])))];
    const next = drill.schedule === undefined ? undefined : nextSlot(drill.schedule, drill.name, now);
    if (session.json) {
      await session.answer({
        drill: drill.name,
        assets,
        last:
          last === undefined
            ? null
            : { run: last.run, outcome: last.outcome, declared_at: last.declared_at, rta_s: last.achieved.rta_s },
        next: next === undefined ? null : new Date(next).toISOString(),
      });
    }
    rows.push([
      drill.name,
      assets.join(", "),
      last === undefined
        ? knows
          ? "never"
          : "?"
        : `${markOf(last.outcome)} ${last.outcome}, ${formatLocal(Date.parse(last.declared_at), timezone)}`,
      last?.achieved.rta_s == null ? "-" : formatDuration(last.achieved.rta_s),
      next === undefined ? "by hand" : formatLocal(next, timezone),
    ]);
  }
  if (session.json) return exitCodes.passed;
  const heads = ["DRILL", "RESTORES", "LAST", "RTA", `NEXT (${zoneName(now, timezone)})`].map((head) => ({ head }));
  for (const line of renderTable(heads, rows)) await session.output.line(line);
  return exitCodes.passed;
}
