import { join } from "node:path";
import { startCeph } from "../services/index.ts";
import { type BenchStage, makeBigFile, readyLifeboat, settleDisk } from "./bench-stage.ts";
import type { SingleRow } from "./single-row.ts";
import { startSlowLine } from "./slow-line.ts";

/** 400 Mbit/s. */
const lineBytesPerSecond = 50e6;

/** One large file over a long line: how much of the line its content fills, from the first MiBs to the last. */
export async function measureLinkShare(stage: BenchStage, mebibytes: number): Promise<SingleRow> {
  const source = join(stage.folder, "big");
  await makeBigFile(join(source, "file"), mebibytes);
  await using store = await startCeph();
  const line = await startSlowLine(stage.ssh.port, lineBytesPerSecond);
  const { run } = await readyLifeboat(stage, { name: "link", store, sources: { big: source }, port: line.port });
  settleDisk();
  const { wallSeconds, cpuSeconds, peakMebibytes } = await run("backup", "run", "web1/big", "--here");
  const { marks } = await line.stop();
  const [first, last] = [marks[0]!, marks.at(-1)!];
  const share = (last[0] - first[0]) / ((last[1] - first[1]) / 1000) / lineBytesPerSecond;
  const wholeShare = (mebibytes * 1024 * 1024) / wallSeconds / lineBytesPerSecond;
  return {
    name: "link",
    work: `${mebibytes} MiB file at 50 ms round trip and 400 Mbit/s: share of the line`,
    measured: `${percent(share)} while it came; ${percent(wholeShare)} over the whole command, ${wallSeconds.toFixed(1)} s`,
    goal: ">= 80 %",
    figures: { share, whole_share: wholeShare, wall_s: wallSeconds, cpu_s: cpuSeconds, peak_mib: peakMebibytes },
  };
}

const percent = (ratio: number) => `${(ratio * 100).toFixed(0)} %`;
