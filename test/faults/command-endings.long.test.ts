import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTempFolder, runCommand, startObjectStore, type TempFolder } from "../services/index.ts";
import { lifeboatProgram } from "./run-lifeboat.ts";
import { createRepositoryPlace, initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

let temp: TempFolder;

beforeAll(async () => {
  temp = await createTempFolder("endings");
}, 60_000);
afterAll(() => temp?.remove());

/** Of 60 commands two stood for ever after their work was done, before their background compilers were switched off. */
const commands = 300;

test(`each of ${commands} commands ends`, async () => {
  const repository = await createRepositoryPlace(await startObjectStore());
  await initFaultRepository(repository);
  const ssh = { address: "127.0.0.1", port: 22, user: "nobody", identityFile: "/nowhere", knownHostsFile: "/nowhere" };
  const policies = "  none:\n    hosts: [web1]\n    repository: main\n    sources: [{ name: srv, type: files, paths: [/srv] }]\n";
  const config = await writeFaultConfig({ folder: temp.path, repository, ssh, policies });
  const env = { HOME: temp.path, XDG_STATE_HOME: join(temp.path, "state-home") };
  for (let at = 0; at < commands; at += 2) {
    // Two at once, as the processors have other work too where it happens.
    const both = [0, 1].map(() =>
      runCommand(process.execPath, [lifeboatProgram, "snapshots", "--config", config], { cwd: temp.path, env, accept: "any" }),
    );
    for (const { exitCode, stdout } of await Promise.all(both)) expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  }
}, 1_200_000);
