import { join } from "node:path";
import { type KeptDrill, type SweptDrill, sweepDrills } from "@lifeboat/drill";
import { type CompiledConfig, exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { formatMoment } from "../output/format-time.ts";
import { openHistoryIfThere } from "../service/history-file.ts";
import { loadConfigIfThere } from "../session/load-config.ts";
import { openJobContext, stateFolderOf } from "../session/open-job-context.ts";
import { confirm, type Session, timeZoneOf } from "../session/session.ts";

export const drillSweep: CommandSpec = {
  arguments: [{ name: "[drill]", description: "also what this drill has left and whose time is not over" }],
  options: [{ flags: "--yes", description: "do not ask (with a drill's name)" }],
  examples: [
    { command: "lifeboat drill sweep", does: "what killed drills left and what was kept for diagnosis, when its time is over" },
    { command: "lifeboat drill sweep shop-weekly", does: "also what shop-weekly keeps: only when no run of it is under way" },
  ],
  details:
    "The service does this by itself every hour. Works from the journals in the state folder. Exit code 3: something is left.",
  run: sweep,
};

async function sweep(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfigIfThere(session);
  const [now] = values.words;
  if (now !== undefined) {
    if (config !== undefined) await refuseUnderWay(session, config, now);
    await confirm(session, `Is no run of ${now} under way? All that it made is removed.`, values.flag("yes"));
  }
  const folder = join(stateFolderOf(session, config), "drills");
  const timezone = timeZoneOf(config);
  const onKept = async ({ drill, run, things, untilMs }: KeptDrill) => {
    if (session.json) {
      await session.answer({ message_type: "kept", drill, run, things, until: new Date(untilMs).toISOString() });
      return;
    }
    session.say(
      `${drill}: ${countOf(things, "thing")} of a drill that is under way or was killed, due ${formatMoment(untilMs, timezone)}`,
    );
    session.say(`  next   when it is not under way: lifeboat drill sweep ${drill}`);
  };
  const swept = await sweepDrills(openJobContext(session, { config, writes: false }), { folder, now, onKept });
  for (const drill of swept) await show(session, drill);
  const things = swept.flatMap((drill) => drill.things);
  const left = things.filter(({ state }) => state === "left").length;
  const removed = things.length - left;
  if (session.json) await session.answer({ message_type: "summary", drills: swept.length, removed, left });
  else session.say(swept.length === 0 ? "nothing to sweep" : `${countOf(removed, "thing")} removed, ${left} left`);
  return left === 0 ? exitCodes.passed : exitCodes.incomplete;
}

/** A drill with --here is in no history before its end: for that one the person is asked. */
async function refuseUnderWay(session: Session, config: CompiledConfig, name: string): Promise<void> {
  const history = await openHistoryIfThere(session, config);
  if (history === undefined) return;
  try {
    const open = await history.catalog.openRuns();
    const run = open.find(({ kind, object, state }) => kind === "drill" && object === name && state === "running");
    if (run === undefined) return;
    throw new LifeboatError("usage", `${run.id} is under way; nothing was removed`, { hint: "Sweep when it has ended." });
  } finally {
    await history.catalog.close();
  }
}

async function show(session: Session, { drill, run, things }: SweptDrill): Promise<void> {
  if (session.json) return session.answer({ message_type: "swept", drill, run, things });
  for (const { what, machine, state, detail } of things) {
    if (state === "left") session.output.note(`✗ ${drill}: ${what} on ${machine} is left: ${detail}`);
    else session.say(`✓ ${drill}: ${what} on ${machine} removed`);
  }
}
