import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Measured, measureCommand } from "../bench/measure-command.ts";
import { cleanEnvironment, createTempFolder, runCommand, startSshHost } from "../services/index.ts";

const buildScript = fileURLToPath(new URL("../fixtures/many-entries.py", import.meta.url));
const lifeboat = [process.execPath, fileURLToPath(new URL("../../packages/cli/bin/lifeboat.js", import.meta.url))];
const filesInAFolder = 99;

export type ManyEntriesFigures = Readonly<Record<"first" | "unchanged" | "restore" | "check" | "readData", Measured>>;

/** About so many entries go over SSH into a repository in a local folder and come back; each command is a process of its own. */
export async function measureManyEntries(entries: number): Promise<ManyEntriesFigures> {
  await using temp = await createTempFolder("many");
  await using ssh = await startSshHost();
  const tree = join(temp.path, "tree");
  await runCommand("python3", [buildScript, tree, String(Math.round(entries / (filesInAFolder + 1))), String(filesInAFolder)], {
    timeoutMs: 1_800_000,
  });
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
    console.log(`${entries} ${words[0]}: ${JSON.stringify(measured)}`);
    return measured;
  };
  await run("repo", "init", "--repo", "main");
  const first = await run("backup", "run", "web1/tree", "--here");
  const unchanged = await run("backup", "run", "web1/tree", "--here");
  const check = await run("repo", "check", "--repo", "main");
  const readData = await run("repo", "check", "--repo", "main", "--read-data");
  const target = join(temp.path, "restored");
  const restore = await run("restore", "web1/tree@latest", "--to", target);
  const { stdout } = await runCommand("rsync", ["-aHAX", "--checksum", "-n", "-i", "--delete", `${tree}/`, `${target}${tree}/`], {
    timeoutMs: 1_800_000,
  });
  if (stdout !== "") throw new Error(`restored otherwise: ${stdout.slice(0, 2000)}`);
  await rm(target, { recursive: true });
  return { first, unchanged, check, readData, restore };
}
