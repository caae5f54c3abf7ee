import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createSecretResolver, ensureStateFolder, openOwnLocks, readInstallId, realClock, systemRandom } from "@lifeboat/host";
import type { JobContext } from "@lifeboat/jobs";
import { silentLogger } from "@lifeboat/model";
import { compileFaultConfig } from "./write-fault-config.ts";

/** What a program gives its jobs, for the installation whose state folder lies beside the configuration. */
export function openFaultContext(configFile: string): JobContext {
  const folder = dirname(configFile);
  const state = ensureStateFolder(join(folder, "state"));
  const own = openOwnLocks(state);
  return {
    config: compileFaultConfig(configFile, readFileSync(configFile, "utf8")),
    secrets: createSecretResolver({ environment: {}, baseFolder: folder }),
    clock: realClock(),
    logger: silentLogger,
    owner: { hostname: `lifeboat-${readInstallId(state, systemRandom())}`, username: "lifeboat", pid: process.pid },
    locks: {
      register: (repositoryId, lockId) => own.registerLock({ repositoryId, lockId }),
      forget: (repositoryId, lockId) => own.forgetLock({ repositoryId, lockId }),
      abandon: (repositoryId, lockId) => own.abandonLock({ repositoryId, lockId }),
      deadLocks: (repositoryId) => own.deadLocks(repositoryId),
      knows: (repositoryId, lockId) => own.knowsLock({ repositoryId, lockId }),
    },
    signal: new AbortController().signal,
    localEnv: { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: folder, LC_ALL: "C" },
    homeFolder: folder,
    agentSocket: undefined,
    programVersion: "lifeboat 0.1.0",
  };
}
