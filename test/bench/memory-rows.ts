import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../services/index.ts";
import { type BenchStage, makeManyFiles, readyLifeboat } from "./bench-stage.ts";
import type { SingleRow } from "./single-row.ts";

export async function measureIndexMemory(blobs: number): Promise<SingleRow> {
  const program = fileURLToPath(new URL("./index-memory-process.ts", import.meta.url));
  const { stdout } = await runCommand(process.execPath, ["--expose-gc", program, String(blobs)], { timeoutMs: 600_000 });
  const figures = JSON.parse(stdout) as Record<"blobs" | "own_bytes" | "resident_bytes" | "seconds", number>;
  const each = (bytes: number) => (bytes / figures.blobs).toFixed(1);
  return {
    name: "index",
    work: `index in memory, ${figures.blobs} blobs: bytes a blob`,
    measured: `${each(figures.own_bytes)} (by growth of the process: ${each(figures.resident_bytes)}); filled in ${figures.seconds.toFixed(0)} s`,
    goal: "<= 70",
    figures: { ...figures, bytes_a_blob: figures.own_bytes / figures.blobs },
  };
}

/** Unchanged backups of trees of different sizes: memory must not grow with them. */
export async function measureFlatMemory(stage: BenchStage, sizes: readonly number[]): Promise<readonly SingleRow[]> {
  const rows: SingleRow[] = [];
  for (const count of sizes) {
    const tree = join(stage.folder, `flat-${count}`);
    makeManyFiles(tree, count, 0);
    const { run } = await readyLifeboat(stage, { name: `flat-${count}`, store: undefined, sources: { tree } });
    const first = await run("backup", "run", "web1/tree", "--here");
    const { wallSeconds, cpuSeconds, peakMebibytes } = await run("backup", "run", "web1/tree", "--here");
    rows.push({
      name: `flat-${count}`,
      work: `unchanged backup, ${count} files: peak memory`,
      measured: `${peakMebibytes} MiB, ${wallSeconds.toFixed(1)} s (the first backup: ${first.peakMebibytes} MiB, ${first.wallSeconds.toFixed(1)} s)`,
      goal: "<= 500 MB, flat",
      figures: {
        files: count,
        peak_mib: peakMebibytes,
        wall_s: wallSeconds,
        cpu_s: cpuSeconds,
        first_peak_mib: first.peakMebibytes,
      },
    });
  }
  return rows;
}
