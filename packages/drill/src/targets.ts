import type { Machine } from "@lifeboat/model";
import type { PostgresServer } from "./ports.ts";

/**
 * A target that stands and can be asked. A damaged copy has the same form, so that a check cannot tell the two apart.
 */
export type LiveTarget = {
  readonly id: string;
  readonly machine: Machine;
  /** Host of the configuration; undefined: the worker. */
  readonly host: string | undefined;
} & (
  | { readonly type: "directory"; readonly path: string }
  | {
      readonly type: "postgresql";
      readonly server: PostgresServer;
      readonly database: string;
      /** Statements before each query, rolled back after it: see QueryOptions. */
      readonly damage?: string;
    }
  | { readonly type: "sqlite"; readonly path: string; readonly damage?: string }
);

export type LiveDatabase = Extract<LiveTarget, { type: "postgresql" | "sqlite" }>;

/** For people: "directory /srv/drill/x on drill1". Holds no secret. */
export function describeTarget(target: LiveTarget): string {
  const place = target.type === "postgresql" ? `database ${target.database}` : `${target.type} ${target.path}`;
  return `${place} on ${target.machine.name}`;
}
