import { runForget } from "@lifeboat/jobs";
import { exitCodeOf, type RunResult, worstResult } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { formatMoment } from "../output/format-time.ts";
import { rememberRun } from "../service/remember-run.ts";
import { rememberSnapshots } from "../service/remember-snapshots.ts";
import { byHandOrder } from "../session/by-hand-run.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { confirm, type Session } from "../session/session.ts";
import { chooseAssets } from "./backup-run.ts";

export const retentionRun: CommandSpec = {
  arguments: [{ name: "<policy-or-asset...>", description: "a policy (all its assets), or assets" }],
  writes: true,
  options: [{ flags: "--yes", description: "do not ask" }],
  examples: [
    { command: "lifeboat retention run web --dry-run", does: "which snapshots would stay, and by which rule" },
    { command: "lifeboat retention run web", does: "forget the others; 'lifeboat repo prune' then frees the space" },
  ],
  run: runRetention,
};

async function runRetention(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const assets = chooseAssets(config, values.words, []);
  const context = openJobContext(session, { config, writes: true });
  const results: RunResult[] = [];
  for (const asset of assets) {
    const plan = await runForget(context, { ...byHandOrder(session, config, "forget", asset), asset, dryRun: true });
    if (plan.error !== undefined) throw plan.error;
    let removed = 0;
    for (const [repository, { keep, remove }] of plan.choices) {
      removed += remove.length;
      for (const snapshot of remove) {
        const time = formatMoment(Date.parse(snapshot.time), config.company.timezone);
        if (session.json)
          await session.answer({ message_type: "forget", asset, repository, snapshot_id: snapshot.id, time: snapshot.time });
        else await session.output.line(`remove ${snapshot.id.slice(0, 8)}  ${time}  ${asset} in ${repository}`);
      }
      session.say(`${asset} in ${repository}: ${countOf(keep.length, "snapshot")} kept, ${remove.length} to forget`);
    }
    if (plan.choices.size === 0) session.say(`${asset}: ${plan.record.cause ?? "no snapshots"}`);
    results.push(plan.record.result);
    if (session.dryRun || removed === 0) continue;
    await confirm(session, `Forget ${countOf(removed, "snapshot")} of ${asset}?`, values.flag("yes"));
    const done = await runForget(context, { ...byHandOrder(session, config, "forget", asset), asset });
    // Also after an error: what is gone from one repository is gone.
    for (const [name, { remove }] of done.choices)
      await rememberSnapshots(session, config, { name }, { gone: remove.map(({ id }) => id), stored: done.left.get(name) ?? [] });
    await rememberRun(session, config, done.record);
    if (done.error !== undefined) throw done.error;
    results.push(done.record.result);
  }
  const passed = results.filter((result) => result !== "skipped");
  return exitCodeOf(passed.length === 0 ? "passed" : worstResult(passed), "forget");
}
