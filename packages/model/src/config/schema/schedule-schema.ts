import { z } from "zod";
import { cron, duration, period, timezone } from "./scalars.ts";

export const scheduleShape = {
  cron: cron.optional(),
  every: period("Instead of cron: a fixed period, counted in multiples since 1970.").optional(),
  timezone: timezone("IANA zone of the schedule and of the snapshots' times; default: company.timezone.").optional(),
  jitter: duration("Upper bound of the fixed shift that each name gets.", "0s").optional(),
  catch_up: z
    .enum(["once", "skip"])
    .meta({ description: "After a downtime: run the missed slots once, or not at all.", default: "once" })
    .optional(),
};

export const schedule = z.strictObject(scheduleShape).meta({ description: "When: cron or every." });
export type ScheduleInput = z.infer<typeof schedule>;
