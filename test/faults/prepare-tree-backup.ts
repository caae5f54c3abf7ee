import { join } from "node:path";
import type { CommandResult, SshHost } from "../services/index.ts";
import { runLifeboat } from "./run-lifeboat.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

/** A configuration with the asset web1/tree and its repository, in `folder`; gives the command that uses it. */
export async function prepareTreeBackup(
  folder: string,
  ssh: SshHost,
  tree: string,
): Promise<(...args: string[]) => Promise<CommandResult>> {
  const repository = { url: join(folder, "repo"), password: "of a tree's repository" };
  const policies = `  trees:
    hosts: [web1]
    repository: main
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(tree)}] }]
`;
  const configFile = await writeFaultConfig({ folder, repository, ssh, policies });
  await initFaultRepository(repository);
  return (...args) => runLifeboat(folder, ["--config", configFile, ...args]);
}
