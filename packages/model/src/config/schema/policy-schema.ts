import { z } from "zod";
import { count, duration, name, period, text, withAppend } from "./scalars.ts";
import { schedule } from "./schedule-schema.ts";
import { guards, selection, source } from "./source-schema.ts";

const keepCount = (what: string) => count(`How many ${what} snapshots stay; -1: all.`, 0, -1).optional();

const retention = z
  .strictObject({
    last: keepCount("last"),
    hourly: keepCount("hourly"),
    daily: keepCount("daily"),
    weekly: keepCount("weekly"),
    monthly: keepCount("monthly"),
    yearly: keepCount("yearly"),
    within: period("Everything younger than this stays.").optional(),
  })
  .meta({ description: "Which snapshots stay, besides pinned ones; without it nothing is ever forgotten." });

const objectives = z
  .strictObject({
    rpo: period("Greatest age of the last good snapshot.").optional(),
    rpo_offsite: period("The same at the second site; with several, at each of them.").optional(),
    rto: period("Longest time to a usable service.").optional(),
    drill_every: period("How often a drill must prove it.").optional(),
    verify_every: period("How often restored data must be verified.").optional(),
  })
  .meta({ description: "What is promised." });

const policyShape = {
  hosts: z
    .union([
      z.array(name),
      z.strictObject({
        tags: z
          .array(name)
          .min(1, { error: "needs at least one tag" })
          .meta({ description: "Hosts that have every one of these tags." }),
      }),
    ])
    .meta({ description: "Names of hosts, or { tags: [...] }: hosts that have every one of these tags." })
    .optional(),
  owner: text("Who is told.").optional(),
  tier: count("1 is the most important.", undefined, 1).optional(),
  repository: name.meta({ description: "Name of the repository." }).optional(),
  replicate: z
    .strictObject(
      withAppend({
        to: z.array(name).meta({ description: "Repositories that get a copy." }).optional(),
        max_lag: period("How far a copy may be behind.").optional(),
      }),
    )
    .meta({ description: "Copies at other sites." })
    .optional(),
  schedule: schedule.optional(),
  retention: retention.optional(),
  objectives: objectives.optional(),
  timeout: period("A run that takes longer is stopped.", "12h").optional(),
  retry: z
    .strictObject({
      attempts: count("Tries in all.", 3, 1).optional(),
      backoff: duration("Pause before the second try; it doubles.", "2m").optional(),
      max: duration("Longest pause.", "30m").optional(),
    })
    .meta({ description: "When a run failed for a reason that may pass." })
    .optional(),
  guards: guards.optional(),
  ...selection,
  sources: z.array(source).meta({ description: "What is backed up on each of the hosts." }).optional(),
};

export const policyDefaults = z.strictObject(withAppend(policyShape)).meta({ description: "Values for policies." });
export const policy = z
  .strictObject({
    ...withAppend(policyShape),
    extends: z.array(name).meta({ description: "Templates, the later ones stronger." }).optional(),
  })
  .meta({ description: "What, where to, when, how long." });
export type PolicyInput = z.infer<typeof policyDefaults>;
