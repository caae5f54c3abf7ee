import type { Catalog } from "@lifeboat/catalog";
import type { JobContext } from "@lifeboat/jobs";
import type { CompiledConfig } from "@lifeboat/model";

export interface WorkerOptions {
  readonly config: CompiledConfig;
  readonly catalog: Catalog;
  /** May hold a password; never shown. */
  readonly redisUrl: string;
  /** Start of Redis's key names. */
  readonly redisPrefix?: string;
  /** Name of this worker among others: "HOST:PID". */
  readonly instance: string;
  /** Runs at the same time; default 2. */
  readonly concurrency?: number;
  /** What jobs get; signal and progress are set for each run. */
  readonly jobs: Omit<JobContext, "signal" | "progress" | "config">;
  /** For drill journals and scratch. */
  readonly stateFolder: string;
  readonly installId: string;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** Default 5 s; the scheduler takes a run as lost after 60 s of silence. */
  readonly heartbeatMs?: number;
}
