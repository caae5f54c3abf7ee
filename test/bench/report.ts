import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Measured, median } from "./measure-command.ts";
import type { PairRow } from "./pair-rows.ts";
import type { SingleRow } from "./single-row.ts";

interface ReportParts {
  readonly pairs: number;
  readonly resticVersion: string;
  readonly pairRows: readonly PairRow[];
  readonly singleRows: readonly SingleRow[];
}

/** Prints the tables and writes bench/results.json below `root`. */
export function report(root: string, { pairs, resticVersion, pairRows, singleRows }: ReportParts): void {
  const results = pairRows.map(summarize);
  if (results.length > 0) process.stdout.write(`\nmedians of ${pairs} pairs\n\n${pairTable(results, resticVersion)}\n`);
  if (singleRows.length > 0) process.stdout.write(`\n${singleTable(singleRows)}\n`);
  const folder = join(root, "bench");
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify(
    { schema: "lifeboat.bench/1", pairs, restic: resticVersion, results, single_rows: singleRows },
    null,
    2,
  );
  writeFileSync(join(folder, "results.json"), `${text}\n`);
  process.stdout.write("written to bench/results.json\n");
}

function summarize({ work, goal, lifeboat, restic }: PairRow) {
  const of = (all: readonly Measured[]) => ({
    wall_s: median(all.map(({ wallSeconds }) => wallSeconds)),
    cpu_s: median(all.map(({ cpuSeconds }) => cpuSeconds)),
    peak_mib: median(all.map(({ peakMebibytes }) => peakMebibytes)),
  });
  const own = of(lifeboat);
  const peer = restic.length === 0 ? undefined : of(restic);
  // Of each pair, then the median: the two of a pair ran one after the other, the machine's mood is the same for both.
  const against = (value: (measured: Measured) => number) => median(lifeboat.map((one, at) => value(one) / value(restic[at]!)));
  const ratio = peer && {
    wall: against(({ wallSeconds }) => wallSeconds),
    cpu: against(({ cpuSeconds }) => cpuSeconds),
  };
  return { work, goal, lifeboat: own, restic: peer, ratio };
}

const line = (...cells: (string | number)[]) => `| ${cells.join(" | ")} |\n`;

function pairTable(results: readonly ReturnType<typeof summarize>[], resticVersion: string): string {
  let table = line(
    "work",
    "Lifeboat wall / CPU / peak",
    `restic ${resticVersion} wall / CPU / peak`,
    "ratio wall (goal)",
    "ratio CPU (goal)",
    "peak (goal)",
  );
  table += line("---", "---", "---", "---", "---", "---");
  for (const { work, goal, lifeboat: own, restic: peer, ratio } of results) {
    const cells = (m: typeof own | undefined) =>
      m === undefined ? "not run" : `${m.wall_s.toFixed(1)} s / ${m.cpu_s.toFixed(1)} s / ${m.peak_mib} MiB`;
    const against = (value: number | undefined, wanted: number) => `${value === undefined ? "-" : value.toFixed(2)} (${wanted})`;
    table += line(
      work,
      cells(own),
      cells(peer),
      against(ratio?.wall, goal.wall),
      against(ratio?.cpu, goal.cpu),
      `${own.peak_mib} (${goal.mebibytes}) MiB`,
    );
  }
  return table;
}

function singleTable(rows: readonly SingleRow[]): string {
  let table = line("work", "measured", "goal") + line("---", "---", "---");
  for (const { work, measured, goal } of rows) table += line(work, measured, goal);
  return table;
}
