import { runBackup } from "@lifeboat/jobs";
import {
  type CompiledConfig,
  errorObject,
  exitCodeOf,
  isLifeboatError,
  LifeboatError,
  type RunRecord,
  renderError,
  suggest,
  worstResult,
} from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatBytes } from "../output/format-size.ts";
import { formatMoment } from "../output/format-time.ts";
import { showProgress } from "../output/show-progress.ts";
import { showRun } from "../output/show-run.ts";
import { byHandOrder } from "../session/by-hand-run.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export const backupRun: CommandSpec = {
  arguments: [{ name: "<policy-or-asset...>", description: "a policy (all its assets), or assets: web1/uploads" }],
  writes: true,
  options: [
    { flags: "--here", description: "in this process, without the service" },
    { flags: "--host <HOST...>", description: "only assets of this host" },
    { flags: "--list", description: "with --dry-run: name what would be read and what is left out" },
    { flags: "--no-wait", description: "hand it to the service and print the run's id only" },
  ],
  examples: [
    { command: "lifeboat backup run web", does: "all assets of the policy 'web', through the service" },
    { command: "lifeboat backup run web1/uploads --here", does: "one asset, in this process" },
    { command: "lifeboat backup run web1/uploads --dry-run --list", does: "what is new, changed and left out; reads no content" },
    { command: "lifeboat backup run web --host web1 --json", does: "progress and summary as JSON lines" },
  ],
  details: "Exit code 3: some files could not be read, and the snapshot was kept. Of several assets the worst result counts.",
  run: runBackups,
};

async function runBackups(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const assets = chooseAssets(config, values.words, values.texts("host"));
  if (session.dryRun) {
    const { previewRuns } = await import("../output/preview-runs.ts");
    return previewRuns(session, config, assets, { list: values.flag("list") });
  }
  if (!values.flag("here")) {
    const { runThroughService } = await import("../service/run-through-service.ts");
    return runThroughService(session, config, { kind: "backup", objects: assets, wait: values.flag("wait") });
  }
  const records: RunRecord[] = [];
  let exit: number | undefined;
  for (const name of assets) {
    const context = openJobContext(session, { config, writes: true, progress: showProgress(session, name) });
    session.say(`${name}  backup begins`);
    const { record, error, snapshot } = await runBackup(context, {
      ...byHandOrder(session, config, "backup", name),
      asset: name,
      resumes: ({ started, bytes }) =>
        session.say(
          `${name}  goes on where the run of ${formatMoment(Date.parse(started), config.company.timezone)} was stopped: ${formatBytes(bytes)} are there already`,
        ),
    });
    records.push(record);
    const isErrorNext = error !== undefined && !session.signal.aborted;
    await showRun(session, record, { isErrorNext });
    if (isErrorNext) {
      session.output.note(
        session.json ? JSON.stringify(errorObject(error)) : renderError(error, { color: session.output.colour }),
      );
      exit ??= isLifeboatError(error) ? error.exitCode : undefined;
    }
    const { rememberRun } = await import("../service/remember-run.ts");
    await rememberRun(session, config, record, snapshot);
    session.signal.throwIfAborted();
  }
  const worst = worstResult(records.map(({ result }) => result));
  return worst === "failed" && exit !== undefined ? exit : exitCodeOf(worst, "backup");
}

export function chooseAssets(config: CompiledConfig, words: readonly string[], hosts: readonly string[]): string[] {
  const chosen = new Set<string>();
  for (const word of words) {
    const found = config.assets.has(word) ? [word] : config.policies.get(word)?.assets;
    if (found === undefined) {
      const known = [...config.policies.keys(), ...config.assets.keys()];
      const near = suggest(word, known);
      const hint = near === undefined ? {} : { hint: `Did you mean "${near}"?` };
      throw new LifeboatError(
        "asset-unknown",
        `there is no policy or asset "${word}" (known: ${known.slice(0, 20).join(", ")})`,
        hint,
      );
    }
    for (const name of found) if (hosts.length === 0 || hosts.includes(config.assets.get(name)!.host)) chosen.add(name);
  }
  if (chosen.size === 0)
    throw new LifeboatError("asset-unknown", `no asset of ${words.join(", ")} is on host ${hosts.join(", ")}`);
  return [...chosen];
}
