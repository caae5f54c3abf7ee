import { runReplicate } from "@lifeboat/jobs";
import { exitCodeOf, type RunResult, worstResult } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { showProgress } from "../output/show-progress.ts";
import { showRun } from "../output/show-run.ts";
import { rememberRun } from "../service/remember-run.ts";
import { rememberSnapshots } from "../service/remember-snapshots.ts";
import { byHandOrder } from "../session/by-hand-run.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";
import { chooseAssets } from "./backup-run.ts";

export const replicate: CommandSpec = {
  arguments: [{ name: "<policy-or-asset...>", description: "a policy (all its assets), or assets" }],
  writes: true,
  examples: [{ command: "lifeboat replicate web1/uploads", does: "copy what its replicas lack, sealed with their own keys" }],
  run: copyToReplicas,
};

async function copyToReplicas(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const results: RunResult[] = [];
  for (const asset of chooseAssets(config, values.words, [])) {
    const to = config.policies.get(config.assets.get(asset)?.policy ?? "")?.replicate.to ?? [];
    if (session.dryRun) {
      session.say(`${asset} -> ${to.join(", ") || "no replica"}`);
      continue;
    }
    const context = openJobContext(session, { config, writes: true, progress: showProgress(session, asset) });
    const order = { ...byHandOrder(session, config, "replicate", asset), asset };
    const { record, error, replicas } = await runReplicate(context, order);
    await showRun(session, record, { isErrorNext: error !== undefined });
    for (const [name, stored] of replicas) await rememberSnapshots(session, config, { name }, { gone: [], stored });
    await rememberRun(session, config, record);
    if (error !== undefined) throw error;
    results.push(record.result);
  }
  return results.length === 0 ? 0 : exitCodeOf(worstResult(results), "replicate");
}
