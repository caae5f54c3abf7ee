import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Measured, measureCommand } from "../bench/measure-command.ts";
import { compareByTools } from "../fixtures/compare-by-tools.ts";
import { cleanEnvironment, createTempFolder, runCommand, startSshHost } from "../services/index.ts";

const buildScript = fileURLToPath(new URL("../fixtures/many-entries.py", import.meta.url));
const lifeboat = [process.execPath, fileURLToPath(new URL("../../packages/cli/bin/lifeboat.js", import.meta.url))];
const filesInAFolder = 99;
const timeoutMs = 3_600_000;

export type ManyEntriesFigures = Readonly<Record<"first" | "unchanged" | "check" | "readData" | "restore", Measured>>;

/**
 * About so many entries go over SSH into a repository in a local folder, and come back; each step is the command in a process of its own,
 * measured from outside. The restored tree is judged by rsync, and a part of it to the last byte.
 */
export async function measureManyEntries(entries: number): Promise<ManyEntriesFigures> {
  await using temp = await createTempFolder("many");
  await using ssh = await startSshHost();
  const tree = join(temp.path, "tree");
  const folders = String(Math.round(entries / (filesInAFolder + 1)));
  await runCommand("python3", [buildScript, tree, folders, String(filesInAFolder)], { timeoutMs });
  const password = join(temp.path, "password");
  writeFileSync(password, "a password\n", { mode: 0o600 });
  const config = join(temp.path, "lifeboat.yaml");
  writeFileSync(
    config,
    [
      "version: 1",
      "company: { name: Many, timezone: UTC }",
      `control: { state: ${join(temp.path, "state")} }`,
      `repositories: { main: { url: "${join(temp.path, "repo")}", password: { file: ${password} } } }`,
      `hosts: { web1: { address: ${ssh.address}, port: ${ssh.port}, user: ${ssh.user}, identity: ${ssh.identityFile}, known_hosts: ${ssh.knownHostsFile}, sudo: false } }`,
      `policies: { many: { hosts: [web1], repository: main, sources: [{ name: tree, type: files, paths: [${tree}] }] } }`,
      "",
    ].join("\n"),
  );
  const environment = cleanEnvironment({ HOME: temp.path });
  const run = async (...words: string[]) => {
    const measured = await measureCommand([...lifeboat, ...words, "--config", config], environment);
    const { wallSeconds, cpuSeconds, peakMebibytes } = measured;
    console.log(
      `${entries} entries: ${words[0]}: ${wallSeconds.toFixed(0)} s, CPU ${cpuSeconds.toFixed(0)} s, ${peakMebibytes} MiB`,
    );
    return measured;
  };
  await run("repo", "init", "--repo", "main");
  const first = await run("backup", "run", "web1/tree", "--here");
  const unchanged = await run("backup", "run", "web1/tree", "--here");
  const check = await run("repo", "check", "--repo", "main");
  const readData = await run("repo", "check", "--repo", "main", "--read-data");
  const target = join(temp.path, "restored");
  const restore = await run("restore", "web1/tree@latest", "--to", target);
  const words = ["-aHAX", "--dry-run", "--itemize-changes", "--delete", "--modify-window=-1", `${tree}/`, `${target}${tree}/`];
  expect((await runCommand("rsync", words, { timeoutMs })).stdout).toBe("");
  expect(await compareByTools(join(tree, "0007"), join(target, tree, "0007"))).toEqual([]);
  for (const folder of [tree, target]) rmSync(folder, { recursive: true });
  return { first, unchanged, check, readData, restore };
}
