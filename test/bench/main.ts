import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { cpSync, createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  cleanEnvironment,
  createBucket,
  createTempFolder,
  findStockRestic,
  type ObjectStore,
  objectStoreEnvironment,
  runCommand,
  startCeph,
  startSshHost,
} from "../services/index.ts";
import { type Measured, measureCommand, median } from "./measure-command.ts";

/**
 * `npm run bench`: Lifeboat, which pulls over SSH, against stock restic, which reads the same files locally on the host; both write to
 * the same S3 server on this machine. Ratios from one run; nothing fails because the machine is busy.
 * `-- --pairs=3 --big-mib=1024 --tree=/usr/share` are the defaults.
 */
const options = Object.fromEntries(process.argv.slice(2).map((word) => word.replace(/^--/, "").split("=") as [string, string]));
const pairs = Number(options.pairs ?? 3);
const bigMebibytes = Number(options["big-mib"] ?? 1024);
const treeSource = options.tree ?? "/usr/share";
const root = fileURLToPath(new URL("../..", import.meta.url));
const lifeboat = [join(root, "node_modules/.bin/node"), join(root, "packages/cli/bin/lifeboat.js")];

interface Row {
  readonly work: string;
  readonly goal: { readonly wall: number; readonly cpu: number; readonly mebibytes: number };
  readonly lifeboat: Measured[];
  readonly restic: Measured[];
}

const row = (work: string, wall: number, cpu: number, mebibytes: number): Row => ({
  work,
  goal: { wall, cpu, mebibytes },
  lifeboat: [],
  restic: [],
});
const rows = {
  big: row(`first backup, ${bigMebibytes} MiB incompressible file`, 0.6, 0.65, 350),
  small: row(`first backup, many small files (${treeSource})`, 0.7, 0.7, 350),
  unchanged: row("backup, nothing changed", 1.0, 1.0, 500),
  restore: row("restore of that tree", 0.4, 0.3, 350),
  check: row("check, all data read", 0.6, 0.6, 350),
};

await using temp = await createTempFolder("bench");
await using ssh = await startSshHost();
const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
const found = await findStockRestic(version);
if ("missing" in found) process.stdout.write(`stock restic is not here (${found.missing}): Lifeboat is measured alone\n`);

const big = join(temp.path, "big");
const small = join(temp.path, "small");
await makeBigFile(join(big, "file"), bigMebibytes);
cpSync(treeSource, small, { recursive: true, verbatimSymlinks: true });
const password = join(temp.path, "password");
writeFileSync(password, "a bench repository's password\n", { mode: 0o600 });

for (let pair = 1; pair <= pairs; pair++) {
  process.stdout.write(`pair ${pair} of ${pairs}\n`);
  const works = [measureLifeboat, ...("missing" in found ? [] : [measureRestic.bind(undefined, found.path)])];
  // Who comes first changes, so that a machine that becomes slower or faster favours nobody.
  for (const work of pair % 2 === 1 ? works : works.reverse()) {
    // Each has a server of its own: this one keeps objects in memory, becomes slower as it fills, and stops at 8 GiB.
    await using store = await startCeph();
    await work(pair, store, cleanEnvironment({ ...objectStoreEnvironment(store), HOME: temp.path }));
  }
}
report();

async function measureLifeboat(pair: number, store: ObjectStore, environment: Record<string, string>): Promise<void> {
  const url = `s3:${store.endpoint}/${await createBucket(store)}/lifeboat`;
  const config = join(temp.path, `lifeboat-${pair}.yaml`);
  const state = join(temp.path, `state-${pair}`);
  const source = (name: string, path: string) => `      - { name: ${name}, type: files, paths: [${path}] }`;
  writeFileSync(
    config,
    [
      "version: 1",
      "company: { name: Bench, timezone: UTC }",
      `control: { state: ${state} }`,
      `repositories: { main: { url: "${url}", password: { file: ${password} } } }`,
      `hosts: { web1: { address: ${ssh.address}, port: ${ssh.port}, user: ${ssh.user}, identity: ${ssh.identityFile}, known_hosts: ${ssh.knownHostsFile}, sudo: false } }`,
      "policies:",
      "  bench:",
      "    hosts: [web1]",
      "    repository: main",
      "    sources:",
      source("big", big),
      source("small", small),
      "",
    ].join("\n"),
  );
  const run = (...words: string[]) => measureCommand([...lifeboat, ...words, "--config", config], environment);
  await run("repo", "init", "--repo", "main");
  rows.big.lifeboat.push(await run("backup", "run", "web1/big", "--here"));
  rows.small.lifeboat.push(await run("backup", "run", "web1/small", "--here"));
  rows.unchanged.lifeboat.push(await run("backup", "run", "web1/small", "--here"));
  settleDisk();
  const target = join(temp.path, "restored");
  rows.restore.lifeboat.push(await run("restore", "web1/small@latest", "--to", target));
  rmSync(target, { recursive: true });
  rows.check.lifeboat.push(await run("repo", "check", "--repo", "main", "--read-data"));
}

async function measureRestic(path: string, pair: number, store: ObjectStore, environment: Record<string, string>): Promise<void> {
  const url = `s3:${store.endpoint}/${await createBucket(store)}/restic`;
  const env = {
    ...environment,
    RESTIC_REPOSITORY: url,
    RESTIC_PASSWORD_FILE: password,
    RESTIC_CACHE_DIR: join(temp.path, `cache-${pair}`),
  };
  const run = (...words: string[]) => measureCommand([path, ...words, "--quiet"], env);
  await run("init");
  rows.big.restic.push(await run("backup", big));
  rows.small.restic.push(await run("backup", small));
  rows.unchanged.restic.push(await run("backup", small));
  settleDisk();
  const target = join(temp.path, "restored");
  rows.restore.restic.push(await run("restore", "latest", "--path", small, "--target", target));
  rmSync(target, { recursive: true });
  rows.check.restic.push(await run("check", "--read-data"));
}

/** What an earlier restore has left to write must not slow the next one. */
function settleDisk(): void {
  execFileSync("sync");
}

function report(): void {
  const results = Object.values(rows).map(({ work, goal, lifeboat, restic }) => {
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
  });
  const line = (...cells: (string | number)[]) => `| ${cells.join(" | ")} |\n`;
  let table = line(
    "work",
    "Lifeboat wall / CPU / peak",
    `restic ${version} wall / CPU / peak`,
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
  process.stdout.write(`\nmedians of ${pairs} pairs\n\n${table}\n`);
  const folder = join(root, "bench");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "results.json"),
    `${JSON.stringify({ schema: "lifeboat.bench/1", pairs, restic: version, results }, null, 2)}\n`,
  );
  process.stdout.write("written to bench/results.json\n");
}

async function makeBigFile(path: string, mebibytes: number): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  if (existsSync(path)) return;
  const file = createWriteStream(path);
  for (let written = 0; written < mebibytes; written++) {
    if (!file.write(randomFillSync(Buffer.allocUnsafe(1024 * 1024)))) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
  await runCommand("sync", []);
}
