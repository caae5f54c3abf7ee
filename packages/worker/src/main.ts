import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { dirname, resolve } from "node:path";
import { openCatalog } from "@lifeboat/catalog";
import {
  createSecretResolver,
  openOwnLocks,
  readInstallId,
  requireRedisUrl,
  runProgram,
  statePaths,
  systemRandom,
} from "@lifeboat/host";
import { startWorker } from "./start-worker.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** One worker: `main.ts [--config FILE] [--state DIR] [--redis URL]`. `lifeboat up` starts it so. */
await runProgram("worker", [], async (frame) => {
  const { config, clock, logger, stateFolder, environment, mask } = frame;
  const redisUrl = requireRedisUrl(frame);
  const baseFolder = dirname(resolve(config.file));
  const random = systemRandom();
  const installId = readInstallId(stateFolder, random);
  const own = openOwnLocks(stateFolder);
  const catalog = await openCatalog(statePaths(stateFolder).history, { clock });
  const worker = await startWorker({
    config,
    catalog,
    redisUrl,
    instance: `${hostname()}:${process.pid}`,
    stateFolder,
    installId,
    random: () => random.below(2 ** 32) / 2 ** 32,
    jobs: {
      // A new one each time: a rotated password is found without a restart, and no value outlives its use.
      secrets: {
        resolve: (reference, what) => createSecretResolver({ environment, baseFolder, mask }).resolve(reference, what),
      },
      clock,
      logger,
      owner: { hostname: `lifeboat-${installId}`, username: userInfo().username, pid: process.pid },
      locks: {
        register: (repositoryId, lockId) => own.registerLock({ repositoryId, lockId }),
        forget: (repositoryId, lockId) => own.forgetLock({ repositoryId, lockId }),
        abandon: (repositoryId, lockId) => own.abandonLock({ repositoryId, lockId }),
        deadLocks: (repositoryId) => own.deadLocks(repositoryId),
        knows: (repositoryId, lockId) => own.knowsLock({ repositoryId, lockId }),
      },
      localEnv: {
        PATH: environment.PATH ?? "/usr/local/bin:/usr/bin:/bin",
        HOME: environment.HOME ?? "/",
        LC_ALL: "C",
      },
      homeFolder: environment.HOME,
      agentSocket: environment.SSH_AUTH_SOCK,
      cache: { folder: statePaths(stateFolder).cacheFolder },
      programVersion: `lifeboat ${version}`,
    },
  });
  frame.ready();
  await frame.stopped;
  await worker.stop();
  await catalog.close();
});
