import { userInfo } from "node:os";
import { dirname, resolve } from "node:path";
import {
  createSecretResolver,
  ensureStateFolder,
  findCacheFolder,
  findStateFolder,
  openOwnLocks,
  readInstallId,
  statePaths,
} from "@lifeboat/host";
import type { CacheChoice, JobContext, OwnLockJournal } from "@lifeboat/jobs";
import { type CompiledConfig, type Logger, messageOf, type ProgressListener } from "@lifeboat/model";
import { programVersion } from "../program-version.ts";
import type { Session } from "./session.ts";

export interface JobContextOptions {
  readonly config: CompiledConfig | undefined;
  /** False: neither locks nor records are written, so the state folder is not needed. */
  readonly writes: boolean;
  readonly progress?: ProgressListener | undefined;
}

export function openJobContext(session: Session, { config, writes, progress }: JobContextOptions): JobContext {
  const { environment, clock, signal } = session;
  const installation = writes ? openInstallation(session, config) : { id: "reader", locks: noLocks };
  return {
    config,
    secrets: createSecretResolver({
      environment,
      baseFolder: config === undefined ? process.cwd() : dirname(resolve(config.file)),
      mask: session.mask,
    }),
    clock,
    logger: showWaiting(session),
    owner: { hostname: `lifeboat-${installation.id}`, username: userName(), pid: process.pid },
    locks: installation.locks,
    signal,
    progress,
    localEnv: { PATH: environment.PATH ?? "/usr/local/bin:/usr/bin:/bin", HOME: environment.HOME ?? "/", LC_ALL: "C" },
    homeFolder: environment.HOME,
    agentSocket: environment.SSH_AUTH_SOCK,
    cache: cacheOf(session, config),
    programVersion: `lifeboat ${programVersion}`,
  };
}

/** Who waits for a lock must not look at a still screen; everything else of a job's log is for -v. */
function showWaiting({ logger, output, quiet }: Session): Logger {
  return {
    ...logger,
    info(fields, message) {
      logger.info(fields, message);
      if (!quiet && message.startsWith("waiting")) output.status(`${message} ...`);
    },
  };
}

export function stateFolderOf(session: Session, config: CompiledConfig | undefined): string {
  return findStateFolder({ flag: session.stateFlag, configured: config?.control.state, environment: session.environment });
}

/** With a configuration the service's own, which it fills; with bare hands that of the account. */
function cacheOf(session: Session, config: CompiledConfig | undefined): CacheChoice | undefined {
  const { cacheFlag, stateFlag, environment } = session;
  if (cacheFlag === false) return undefined;
  if (cacheFlag !== undefined) return { folder: resolve(cacheFlag), isAsked: true };
  if (config === undefined && stateFlag === undefined) return { folder: findCacheFolder(environment) };
  return { folder: statePaths(stateFolderOf(session, config)).cacheFolder };
}

interface Installation {
  readonly id: string;
  readonly locks: OwnLockJournal;
}

/** Where nothing can be kept (a rescue system, a full disk), work goes on: its locks are then stale after 30 minutes. */
function openInstallation(session: Session, config: CompiledConfig | undefined): Installation {
  const folder = stateFolderOf(session, config);
  try {
    const state = ensureStateFolder(folder);
    const own = openOwnLocks(state);
    return {
      id: readInstallId(state, session.random),
      locks: {
        register: (repositoryId, lockId) => own.registerLock({ repositoryId, lockId }),
        forget: (repositoryId, lockId) => own.forgetLock({ repositoryId, lockId }),
        abandon: (repositoryId, lockId) => own.abandonLock({ repositoryId, lockId }),
        deadLocks: (repositoryId) => own.deadLocks(repositoryId),
        knows: (repositoryId, lockId) => own.knowsLock({ repositoryId, lockId }),
      },
    };
  } catch (error) {
    if (config !== undefined || session.stateFlag !== undefined) throw error;
    session.logger.warn({ cause: messageOf(error) }, "no state folder: a lock that a kill leaves behind lasts 30 minutes");
    return { id: session.random.uuid(), locks: noLocks };
  }
}

const noLocks: OwnLockJournal = { register() {}, forget() {}, abandon() {}, deadLocks: () => [], knows: () => false };

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // An account without an entry in passwd, as in containers.
    return String(process.getuid?.() ?? "unknown");
  }
}
