import { z } from "zod";
import { flag, period, rate, ratio, size, text, timeOfDay } from "./scalars.ts";
import { scheduleShape } from "./schedule-schema.ts";
import { secret } from "./secret-schema.ts";

const credentials = z
  .union([
    z.strictObject({ aws: z.literal("default") }),
    z.strictObject({ profile: text("Profile of ~/.aws.") }),
    z.strictObject({ access_key_id: secret("Access key id"), secret_access_key: secret("Secret access key") }),
  ])
  .meta({ description: "Of the object store: { aws: default }, { profile: NAME } or { access_key_id, secret_access_key }." });

const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const limitHours = z
  .strictObject({
    from: timeOfDay("Begin."),
    to: timeOfDay("End; earlier than the begin: on the next day."),
    days: z.array(z.enum(weekdays)).min(1).meta({ description: "Days on which it begins; default: all." }).optional(),
    upload: rate("In place of limit_upload; without it that one holds.").optional(),
    download: rate("In place of limit_download; without it that one holds.").optional(),
  })
  .meta({ description: "A time of the day and its limits." });

/** 0 = Sunday. */
export function weekdayNumber(name: (typeof weekdays)[number]): number {
  return weekdays.indexOf(name);
}

export const repository = z
  .strictObject({
    url: text("As restic spells it: /srv/repo or s3:https://HOST/BUCKET/PREFIX.").optional(),
    password: secret("Password of the repository").optional(),
    credentials: credentials.optional(),
    limit_upload: rate("No more than this is sent to the store, by all runs of one program together.").optional(),
    limit_download: rate("No more than this is read from the store.").optional(),
    limit_hours: z
      .array(limitHours)
      .max(50)
      .meta({ description: "Other limits by the time of day (company.timezone); the first entry that fits counts." })
      .optional(),
    verify: z
      .strictObject({
        every_byte_within: period("Every stored byte is read back within this time.", "90d").optional(),
        max_per_day: size("At most this much is read back a day.").optional(),
      })
      .meta({ description: "Budget of reading back." })
      .optional(),
    prune: z
      .strictObject({ ...scheduleShape, max_unused: ratio("Share of the repository that may stay unused.", "5%").optional() })
      .meta({ description: "When unreferenced data is dropped." })
      .optional(),
    check: z
      .strictObject({ ...scheduleShape, read_data: flag("Read every pack, not only the index.", false).optional() })
      .meta({ description: "When the repository is checked." })
      .optional(),
  })
  .meta({ description: "An encrypted store in restic's format." });
export type RepositoryInput = z.infer<typeof repository>;
