import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runBackup } from "@lifeboat/jobs";
import { formatRunId } from "@lifeboat/model";
import { openFaultContext } from "../faults/open-fault-context.ts";
import { pullUntilKilled } from "../faults/pull-until-killed.ts";
import { initFaultRepository, writeFaultConfig } from "../faults/write-fault-config.ts";
import { startTcpProxy } from "../services/index.ts";
import type { BenchOptions } from "./bench-options.ts";
import { type BenchStage, knownAtPort, makeBigFile, makeManyFiles } from "./bench-stage.ts";
import type { SingleRow } from "./single-row.ts";

/** A header, and what fills the last block: the listing has each time, so that a header needs no more than one block. */
const tarBlockBytes = 512;

interface KilledParts {
  readonly name: string;
  readonly work: string;
  readonly source: string;
  readonly files: number;
  readonly fileBytes: number;
  readonly at: number;
}

/** A first backup that is killed and run again: what all runs received of content, and what came besides. */
async function measureKilled(stage: BenchStage, { name, work, source, files, fileBytes, at }: KilledParts): Promise<SingleRow> {
  const bytes = files * fileBytes;
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
  const secondContent = bytes - resumed;
  const shares = sharesOf({ files, fileBytes, came, secondContent, secondBesides: received - secondContent });
  const ratio = (shares.firstContent + secondContent) / bytes;
  const figures = { ratio, killed_at: at, source_bytes: bytes, received_first: came, resumed, ...figuresOf(shares) };
  const mebibytes = (count: number) => `${(count / 1024 / 1024).toFixed(1)} MiB`;
  const measured = `${ratio.toFixed(3)}; besides ${mebibytes(shares.listing)} of listing, ${mebibytes(shares.headers)} of headers and padding`;
  return { name: `killed-${name}`, work, measured, goal: "<= 1.05", figures };
}

interface Shares {
  /** An estimate that is never too small. */
  readonly firstContent: number;
  /** Of both runs. */
  readonly listing: number;
  readonly headers: number;
}

/**
 * Takes apart what came. Of the second run it is known: content by its own figures, a header and padding for each file that it read, and
 * the rest is records of the listing and of the looks after reading, which are as long. The first run left no figures. Assumed is only that
 * each file of which content came had been listed, once, and had a header. That it was listed further than read, that a
 * part of the files was looked at again, and what SSH adds to each packet: all of this still counts as content.
 */
function sharesOf(parts: {
  files: number;
  fileBytes: number;
  came: number;
  secondContent: number;
  secondBesides: number;
}): Shares {
  const { files, fileBytes, came, secondContent, secondBesides } = parts;
  const headerBytes = Math.ceil(fileBytes / tarBlockBytes) * tarBlockBytes - fileBytes + tarBlockBytes;
  // The rest of a large file comes without a header.
  const secondRead = Math.floor(secondContent / fileBytes);
  const secondHeaders = secondRead * headerBytes;
  const secondListing = Math.max(0, secondBesides - secondHeaders);
  const recordBytes = secondListing / (files + secondRead);
  const firstRead = came / (fileBytes + headerBytes + recordBytes);
  return {
    firstContent: firstRead * fileBytes,
    listing: firstRead * recordBytes + secondListing,
    headers: firstRead * headerBytes + secondHeaders,
  };
}

const figuresOf = ({ firstContent, listing, headers }: Shares) => ({ content_first: firstContent, listing, headers });

/** `killedAt`: share of the many files' bytes; undefined for one by chance. */
export async function measureKilledRuns(
  stage: BenchStage,
  { bigMebibytes: mebibytes, killedAt }: BenchOptions,
): Promise<readonly SingleRow[]> {
  const big = join(stage.folder, "big");
  await makeBigFile(join(big, "file"), mebibytes);
  const many = join(stage.folder, "killed-tree");
  const fileBytes = 20_000;
  const files = Math.ceil((mebibytes * 1024 * 1024) / fileBytes);
  makeManyFiles(many, files, fileBytes);
  const at = killedAt ?? 0.2 + Math.random() * 0.7;
  return [
    await measureKilled(stage, {
      name: "many",
      work: `${files} files of 20 kB, killed at ${(at * 100).toFixed(0)} % and run again: content received / source`,
      ...{ source: many, files, fileBytes, at },
    }),
    await measureKilled(stage, {
      name: "big",
      work: `one file of ${mebibytes} MiB, killed at 90 % and run again: content received / source`,
      ...{ source: big, files: 1, fileBytes: mebibytes * 1024 * 1024, at: 0.9 },
    }),
  ];
}
