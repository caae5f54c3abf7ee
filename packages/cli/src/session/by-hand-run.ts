import type { RunOrder } from "@lifeboat/jobs";
import type { CompiledConfig } from "@lifeboat/model";
import { formatRunId, type RunId, type RunKind } from "@lifeboat/model";
import { type Session, timeZoneOf } from "./session.ts";

/** The id of a run that a person starts now: "backup/web1/uploads@20261122T020000.123Z-x7k2". */
export function byHandRunId(session: Session, kind: RunKind, object: string): RunId {
  return formatRunId({ kind, object, slot: session.clock.now(), suffix: session.random.token(4) });
}

export function byHandOrder(session: Session, config: CompiledConfig | undefined, kind: RunKind, object: string): RunOrder {
  const policyName = config?.assets.get(object)?.policy ?? null;
  const policy = policyName === null ? undefined : config?.policies.get(policyName);
  return {
    runId: byHandRunId(session, kind, object),
    attempt: 1,
    policy: policyName,
    timezone: policy?.schedule.when.timezone ?? timeZoneOf(config),
  };
}

/** A repository's name in a run's id; one that was named by its place has none. */
export function runObjectOf(choice: { readonly name: string } | { readonly url: string }): string {
  return "name" in choice ? choice.name : "by-hand";
}
