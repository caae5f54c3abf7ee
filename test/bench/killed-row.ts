import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runBackup } from "@lifeboat/jobs";
import { formatRunId } from "@lifeboat/model";
import { openFaultContext } from "../faults/open-fault-context.ts";
import { pullUntilKilled } from "../faults/pull-until-killed.ts";
import { initFaultRepository, writeFaultConfig } from "../faults/write-fault-config.ts";
import { startTcpProxy } from "../services/index.ts";
import { type BenchStage, knownAtPort, makeBigFile, makeManyFiles } from "./bench-stage.ts";
import type { SingleRow } from "./single-row.ts";

/** A first backup that is killed and run again: what all runs received of content. All that came before the kill counts as content. */
async function measureKilled(
  stage: BenchStage,
  parts: { name: string; work: string; source: string; bytes: number; at: number },
) {
  const { name, work, source, bytes, at } = parts;
  const folder = join(stage.folder, `killed-${name}`);
  mkdirSync(folder);
  const repository = { url: join(folder, "repo"), password: "a bench repository's password" };
  await initFaultRepository(repository);
  await using proxy = await startTcpProxy({ target: stage.ssh });
  const ssh = { ...stage.ssh, port: proxy.port, knownHostsFile: knownAtPort(stage, proxy.port) };
  const policies = `  bench: { hosts: [web1], repository: main, sources: [{ name: tree, type: files, paths: [${source}] }] }\n`;
  const configFile = await writeFaultConfig({ folder, repository, ssh, policies });
  const runId = (number: number) =>
    formatRunId({ kind: "backup", object: "web1/tree", slot: Date.UTC(2026, 0, 1) + number * 1000 });
  const came = await pullUntilKilled({ configFile, repository, asset: "web1/tree", runId: runId(1) }, proxy, bytes * at);
  const order = { runId: runId(2), asset: "web1/tree", attempt: 1, policy: null, timezone: "UTC", repository };
  const { record } = await runBackup(openFaultContext(configFile), order);
  if (record.result !== "passed") throw new Error(`${work}: ${record.cause}`);
  const { bytes_resumed: resumed = 0, bytes_received: received = 0 } = record.figures;
  const ratio = (came + bytes - resumed) / bytes;
  const besides = received - (bytes - resumed);
  const figures = { ratio, killed_at: at, source_bytes: bytes, received_first: came, resumed, besides_second: besides };
  const mebibytes = (count: number) => `${(count / 1024 / 1024).toFixed(1)} MiB`;
  const measured = `${ratio.toFixed(3)}; in the second run besides ${mebibytes(besides)} of listing and headers`;
  return { name: `killed-${name}`, work, measured, goal: "<= 1.05", figures } satisfies SingleRow;
}

export async function measureKilledRuns(stage: BenchStage, mebibytes: number, files: number): Promise<readonly SingleRow[]> {
  const big = join(stage.folder, "big");
  await makeBigFile(join(big, "file"), mebibytes);
  const many = join(stage.folder, "killed-tree");
  const fileBytes = 20_000;
  makeManyFiles(many, files, fileBytes);
  const at = 0.2 + Math.random() * 0.7;
  return [
    await measureKilled(stage, {
      name: "many",
      work: `${files} files of 20 kB, killed at ${(at * 100).toFixed(0)} % and run again: content received / source`,
      ...{ source: many, bytes: files * fileBytes, at },
    }),
    await measureKilled(stage, {
      name: "big",
      work: `one file of ${mebibytes} MiB, killed at 90 % and run again: content received / source`,
      ...{ source: big, bytes: mebibytes * 1024 * 1024, at: 0.9 },
    }),
  ];
}
