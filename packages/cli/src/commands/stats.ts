import { type SnapshotStats, type StatsMode, snapshotStats, statsModes } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatBytes, formatCount } from "../output/format-size.ts";
import { manySnapshotsOptions, pickSnapshots } from "../session/pick-snapshots.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const stats: CommandSpec = {
  arguments: [{ name: "[snapshots...]", description: "ids or ASSET@WHEN (default: all that the filters let pass)" }],
  repository: true,
  options: [
    { flags: "--mode <MODE>", description: "what is counted", choices: statsModes, default: "restore-size" },
    ...manySnapshotsOptions,
  ],
  examples: [
    { command: "lifeboat stats web1/uploads@latest --repo main", does: "what its restore would write" },
    { command: "lifeboat stats --asset web1/uploads --mode raw-data --repo main", does: "what an asset's snapshots occupy" },
    { command: "lifeboat stats --repo /srv/repo --password-file F --json", does: "with bare hands, restic's field names" },
  ],
  details:
    "  restore-size       what a restore of each snapshot would write, added up\n" +
    "  files-by-contents  files of equal content count once\n" +
    "  blobs-per-file     the blobs of these files, once for each path\n" +
    "  raw-data           what the blobs of these snapshots occupy in the repository, each once\n" +
    "The whole repository, with what no snapshot needs: 'lifeboat repo stats'.",
  run: showStats,
};

async function showStats(session: Session, values: OptionValues): Promise<number> {
  return withChosenRepository(session, values, { lock: "none" }, async ({ repository, config }) => {
    const { snapshots } = await pickSnapshots(session, values, repository, timeZoneOf(config));
    const mode = (values.text("mode") ?? "restore-size") as StatsMode;
    let trees = 0;
    const onTree = () => {
      if (++trees % 500 === 0) session.output.status(`${formatCount(trees)} folders ...`);
    };
    const found = await snapshotStats(repository, snapshots, mode, { signal: session.signal, onTree });
    session.output.status(undefined);
    if (session.json) await session.answer(asJson(found));
    else for (const line of linesOf(mode, found)) await session.output.line(line);
    return exitCodes.passed;
  });
}

function asJson(found: SnapshotStats) {
  return {
    total_size: found.bytes,
    ...(found.uncompressedBytes !== undefined && { total_uncompressed_size: found.uncompressedBytes }),
    ...(found.compressionRatio !== undefined && { compression_ratio: found.compressionRatio }),
    ...(found.compressionProgress !== undefined && { compression_progress: found.compressionProgress }),
    ...(found.spaceSaving !== undefined && { compression_space_saving: found.spaceSaving }),
    ...(found.files !== undefined && { total_file_count: found.files }),
    ...(found.blobs !== undefined && { total_blob_count: found.blobs }),
    snapshots_count: found.snapshots,
  };
}

function linesOf(mode: StatsMode, found: SnapshotStats): string[] {
  const { files, blobs, uncompressedBytes, compressionRatio, spaceSaving } = found;
  return [
    `mode        ${mode}`,
    `snapshots   ${formatCount(found.snapshots)}`,
    ...(files === undefined ? [] : [`files       ${formatCount(files)}`]),
    ...(blobs === undefined ? [] : [`blobs       ${formatCount(blobs)}`]),
    `size        ${formatBytes(found.bytes)}`,
    ...(uncompressedBytes === undefined ? [] : [`unpacked    ${formatBytes(uncompressedBytes)}`]),
    ...(compressionRatio === undefined ? [] : [`compression ${compressionRatio.toFixed(2)} times where it is compressed`]),
    ...(spaceSaving === undefined ? [] : [`saved       ${spaceSaving.toFixed(1)} %`]),
  ];
}
