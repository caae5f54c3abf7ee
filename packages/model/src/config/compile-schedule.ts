import { type CompileContext, where } from "./compile-context.ts";
import type { CompiledSchedule } from "./compiled-config.ts";
import type { ConfigNode, ConfigPath } from "./config-tree.ts";
import type { ScheduleInput } from "./schema/schedule-schema.ts";

/** `path` leads from `node` to the map that has cron or every in it. */
export function compileSchedule(
  context: CompileContext,
  input: ScheduleInput | undefined,
  node: ConfigNode,
  path: ConfigPath,
): CompiledSchedule {
  const timezone = input?.timezone ?? context.timezone;
  const common = { jitterSeconds: input?.jitter ?? 0, catchUp: input?.catch_up ?? "once" } as const;
  if (input?.cron !== undefined && input.every !== undefined) {
    context.report({
      code: "bad-value",
      message: "a schedule has cron or every, not both",
      place: where(context, node, [...path, "every"], "key"),
    });
  }
  if (input?.cron !== undefined) return { when: { kind: "cron", expression: input.cron, timezone }, ...common };
  if (input?.every !== undefined) return { when: { kind: "every", seconds: input.every, timezone }, ...common };
  return { when: { kind: "manual", timezone }, ...common };
}
