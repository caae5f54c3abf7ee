import type { LockJournal, LockOwner } from "@lifeboat/engine";
import type { Clock, CompiledConfig, Logger, ProgressListener, SecretResolver } from "@lifeboat/model";

/** What every job is given by the program that runs it; a job takes nothing from the machine by itself. */
export interface JobContext {
  /** undefined: bare hands, everything stands in the call. */
  readonly config: CompiledConfig | undefined;
  readonly secrets: SecretResolver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who holds locks: hostname `lifeboat-<install uuid>`. */
  readonly owner: LockOwner;
  readonly locks: OwnLockJournal;
  readonly signal: AbortSignal;
  readonly progress?: ProgressListener | undefined;
  /** For programs that run on this machine (tar, psql): PATH, HOME. */
  readonly localEnv: Readonly<Record<string, string>>;
  readonly homeFolder: string | undefined;
  readonly agentSocket: string | undefined;
  /** Where metadata of repositories is kept; undefined: nowhere, as for drills, which are to prove what the store has. */
  readonly cache?: CacheChoice | undefined;
  /** "lifeboat 0.1.0": written into snapshots. */
  readonly programVersion: string;
}

export interface CacheChoice {
  readonly folder: string;
  /** Also for repositories in a folder, which are as near as the cache: somebody asked for it. */
  readonly isAsked?: boolean | undefined;
}

/** The locks of this installation, also those that a killed process left. */
export interface OwnLockJournal extends LockJournal {
  deadLocks(repositoryId: string): readonly string[];
  /** True for a lock that a process of this machine registered, dead or alive. */
  knows(repositoryId: string, lockId: string): boolean;
}
