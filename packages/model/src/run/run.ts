import type { HostFacts } from "../machine/host-facts.ts";

/** Kinds of jobs; the first part of a run's id. */
export type RunKind = "backup" | "forget" | "prune" | "check" | "replicate" | "restore" | "drill";

/** passed < incomplete < ... : `worstResult` has the order. */
export type RunResult = "passed" | "incomplete" | "failed" | "inconclusive" | "skipped" | "cancelled";

export type RunState = "pending" | "running" | "settled";

/**
 * `backup/web1/uploads@20261122T020000Z` (by hand `...@20261122T020000.123Z-x7k2`): catalog key, BullMQ job id, snapshot tag
 * and what people see. One run = one kind, one object (asset, repository or drill), one slot.
 */
export type RunId = string & { readonly __runId: true };

export interface RunIdParts {
  readonly kind: RunKind;
  /** "web1/uploads", a repository's name or a drill's name. */
  readonly object: string;
  /** Due time in milliseconds since 1970. */
  readonly slot: number;
  /** Present when started by hand. */
  readonly suffix?: string;
}

/** The `run` side object and the catalog's row: everything that history needs. JSON as it is. */
export interface RunRecord {
  readonly schema: "lifeboat.run/1";
  readonly id: string;
  readonly kind: RunKind;
  readonly object: string;
  readonly policy: string | null;
  /** RFC 3339 with offset of the policy's zone. */
  readonly slot: string;
  readonly started: string;
  readonly ended: string;
  readonly result: RunResult;
  readonly attempt: number;
  /** Cause in one line, and the error's code, when not passed. */
  readonly cause: string | null;
  readonly code: string | null;
  readonly repository: string | null;
  readonly snapshot: string | null;
  readonly figures: Readonly<Record<string, number>>;
  /** First problems, bounded; paths as people see them. */
  readonly problems: readonly { readonly path: string; readonly kind: string; readonly detail: string }[];
  readonly problemCount: number;
  /** What the way of reading could not tell of the files (`SourceLoss`); absent when nothing was lost. */
  readonly lost?: readonly string[];
  /** What the host said of itself when its run began. */
  readonly host?: HostFacts;
}
