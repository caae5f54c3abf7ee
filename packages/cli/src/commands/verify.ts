import { assetOfSnapshot } from "@lifeboat/engine";
import { mostSampledFiles, type SampleSize, verifyLive } from "@lifeboat/jobs";
import { type CompiledAsset, type CompiledConfig, exitCodeOf, LifeboatError, parseRatio } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { liveJson, liveLines } from "../output/show-live.ts";
import { showProgress } from "../output/show-progress.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const verify: CommandSpec = {
  arguments: [{ name: "<snapshot>", description: "ASSET@WHEN or an id; ASSET alone: the newest" }],
  repository: true,
  options: [
    { flags: "--against <WHAT>", description: "what it is compared with: the host as it is now", choices: ["live"] },
    {
      flags: "--sample <SIZE>",
      description: "how many of the unchanged files are hashed: 1% (10 at least), or 500",
      default: "1%",
    },
    {
      flags: "--tolerance <SHARE>",
      description: "of the snapshot's entries so many may be missing, so many new, so many files changed",
      default: "10%",
    },
    { flags: "--seed <NUMBER>", description: "choose the sample that an earlier run has chosen" },
    ...snapshotFilterOptions,
  ],
  examples: [
    { command: "lifeboat verify web1/uploads --against live", does: "list the host, hash 1% of its unchanged files, compare" },
    {
      command: "lifeboat verify web1/uploads@3d --against live --sample 100% --tolerance 30%",
      does: "an older one, every unchanged file",
    },
    {
      command: "lifeboat verify web1/uploads --against live --repo s3:https://HOST/BUCKET --password-file F",
      does: "a copy at another place; the configuration only says where the host is",
    },
  ],
  details:
    "The host is listed as for a backup and compared with the snapshot. Files that claim to be unchanged are hashed on the host, and their\n" +
    "content is read from the repository: other content with the same times is a failure. Changed files are only counted.\n" +
    "Exit code 6: something differs, or more than the tolerance is missing, new or changed. 7: some could not be looked at.",
  run: verifySnapshot,
};

async function verifySnapshot(session: Session, values: OptionValues): Promise<number> {
  if (values.text("against") === undefined) {
    throw new LifeboatError("usage", "against what? --against is missing", {
      hint: "Add --against live. 'lifeboat repo check --read-data-subset 5%' reads a repository's data by itself.",
    });
  }
  const sample = sampleOf(values.text("sample") ?? "1%");
  const tolerance = shareOf("tolerance", values.text("tolerance") ?? "10%");
  const seed = seedOf(session, values.text("seed"));
  await using opened = await openSnapshot(session, values, values.word(0), showProgress(session, "verify"));
  const { repository, snapshot } = opened;
  const config = opened.config ?? (await loadConfig(session));
  const asset = findFiles(config, assetOfSnapshot(snapshot));
  const context = openJobContext(session, { config, writes: false, progress: showProgress(session, asset.name) });
  session.say(`Plan   list ${asset.name} on ${asset.host} and compare it with the snapshot`);
  const report = await verifyLive(context, { repository, snapshot, asset, sample, tolerance, seed });
  session.output.status(undefined);
  const about = { asset: asset.name, snapshot: snapshot.id, seed, tolerance };
  if (session.json) await session.answer(liveJson(about, report, session.isIncomplete));
  else for (const line of liveLines(about, report)) await session.output.line(line);
  return exitCodeOf(report.result, "check");
}

function findFiles(config: CompiledConfig, name: string | undefined): CompiledAsset {
  const asset = name === undefined ? undefined : config.assets.get(name);
  if (asset === undefined) {
    const what = name === undefined ? "this snapshot is of no asset" : `there is no asset "${name}" in the configuration`;
    throw new LifeboatError("asset-unknown", `${what}, so that no host is known to compare it with`);
  }
  if (asset.source.type === "files") return asset;
  throw new LifeboatError("usage", `${asset.name} is a database: its dump cannot be compared with the live one`, {
    hint: "A drill restores it and asks it questions: 'lifeboat drill run'.",
  });
}

function sampleOf(text: string): SampleSize {
  if (/^[1-9][0-9]{0,8}$/.test(text)) {
    if (Number(text) <= mostSampledFiles) return { files: Number(text) };
    throw new LifeboatError("usage", `--sample ${text} is more than ${mostSampledFiles} files`);
  }
  return { share: shareOf("sample", text) };
}

function shareOf(option: string, text: string): number {
  const share = parseRatio(text);
  if (share !== undefined && share <= 1 && (share > 0 || option === "tolerance")) return share;
  throw new LifeboatError("usage", `--${option} "${text}" is no share like 0.5% or 10%`);
}

function seedOf(session: Session, text: string | undefined): number {
  if (text === undefined) return session.random.below(2 ** 32);
  if (/^[0-9]{1,10}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw new LifeboatError("usage", `--seed "${text}" is no number below 2^32`);
}
