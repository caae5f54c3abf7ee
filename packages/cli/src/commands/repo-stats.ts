import { repositoryStats } from "@lifeboat/engine";
import { openChosenRepository } from "@lifeboat/jobs";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf, formatBytes, formatCount } from "../output/format-size.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export const repoStats: CommandSpec = {
  repository: true,
  examples: [
    { command: "lifeboat repo stats --repo main", does: "how much lies there, and how much it would be unpacked" },
    { command: "lifeboat repo stats --repo /srv/repo --password-file F --json", does: "with bare hands, for a program" },
  ],
  run: showStats,
};

async function showStats(session: Session, values: OptionValues): Promise<number> {
  const { config, choice } = await chooseRepository(session, values);
  const repository = await openChosenRepository(openJobContext(session, { config, writes: false }), choice);
  try {
    const stats = await repositoryStats(repository, { signal: session.signal });
    const { url } = repository.store;
    if (session.json) {
      await session.answer({
        repository: url,
        id: repository.config.id,
        snapshots_count: stats.snapshots,
        packs_count: stats.packs,
        data_blobs_count: stats.dataBlobs,
        tree_blobs_count: stats.treeBlobs,
        total_size: stats.storedBytes,
        total_uncompressed_size: stats.plainBytes,
        compression_ratio: stats.compressionRatio,
        index_files_count: stats.indexFiles,
        locks_count: stats.locks,
        side_objects: stats.sideObjects,
      });
      return exitCodes.passed;
    }
    await session.output.line(`repository  ${url}, id ${repository.config.id.slice(0, 10)}`);
    await session.output.line(`snapshots   ${formatCount(stats.snapshots)}`);
    await session.output.line(`stored      ${formatBytes(stats.storedBytes)} in ${countOf(stats.packs, "pack")}`);
    await session.output.line(
      `unpacked    ${formatBytes(stats.plainBytes)} (${stats.compressionRatio.toFixed(2)} times as much, each blob once)`,
    );
    await session.output.line(`blobs       ${formatCount(stats.dataBlobs)} of data, ${formatCount(stats.treeBlobs)} of folders`);
    await session.output.line(`index       ${countOf(stats.indexFiles, "file")}, ${countOf(stats.locks, "lock")}`);
    const side = Object.entries(stats.sideObjects).filter(([, count]) => count > 0);
    await session.output.line(`records     ${side.map(([kind, count]) => `${kind} ${count}`).join(", ") || "none"}`);
    return exitCodes.passed;
  } finally {
    await repository.close();
  }
}
