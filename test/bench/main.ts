import { pairRowNames, parseBenchOptions } from "./bench-options.ts";
import { openBenchStage, root } from "./bench-stage.ts";
import { measureKilledRuns } from "./killed-row.ts";
import { measureLatency } from "./latency-row.ts";
import { measureLinkShare } from "./link-row.ts";
import { measureFlatMemory, measureIndexMemory } from "./memory-rows.ts";
import { measurePairRows } from "./pair-rows.ts";
import { report } from "./report.ts";
import type { SingleRow } from "./single-row.ts";

/**
 * `npm run bench`: Lifeboat, which pulls over SSH, against stock restic, which reads the same files locally on the host; both write to
 * the same S3 server on this machine. Ratios from one run; nothing fails because the machine is busy. Rows of other kinds stand below.
 * `-- --rows=big,latency` chooses; see `bench-options.ts` for names and defaults.
 */
const options = parseBenchOptions(process.argv.slice(2));
const wanted = new Set<string>(options.rows);
await using stage = await openBenchStage();
const pairRows = pairRowNames.some((name) => wanted.has(name)) ? await measurePairRows(stage, options, wanted) : [];
const singleRows: SingleRow[] = [];
if (wanted.has("latency")) singleRows.push(await measureLatency(stage, options.files, options.peerFiles));
if (wanted.has("link")) singleRows.push(await measureLinkShare(stage, options.bigMebibytes));
if (wanted.has("killed")) singleRows.push(...(await measureKilledRuns(stage, options)));
if (wanted.has("index")) singleRows.push(await measureIndexMemory(options.blobs));
if (wanted.has("flat")) singleRows.push(...(await measureFlatMemory(stage, options.flat)));
report(root, { pairs: options.pairs, resticVersion: stage.resticVersion, pairRows, singleRows });
