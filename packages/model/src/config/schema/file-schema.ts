import { z } from "zod";
import { drill } from "./drill-schema.ts";
import { host } from "./host-schema.ts";
import { policy, policyDefaults } from "./policy-schema.ts";
import { repository } from "./repository-schema.ts";
import { name, text, timezone } from "./scalars.ts";

/** One configuration file. Everything is optional here: what must be there is known after merging. */
export const fileSchema = z
  .strictObject({
    version: z
      .literal(1, {
        error: (issue) =>
          `version ${JSON.stringify(issue.input)} is not known here; this Lifeboat knows version 1 [unsupported-version]`,
      })
      .meta({ description: "Of this format." })
      .optional(),
    include: z
      .array(text("A glob, relative to this file."))
      .max(100)
      .meta({ description: "More files of this form, sorted by name." })
      .optional(),
    company: z
      .strictObject({
        name: text("For reports.", "").optional(),
        timezone: timezone("Zone of schedules, tables and reports where none is given.").optional(),
      })
      .meta({ description: "Whose servers these are." })
      .optional(),
    control: z
      .strictObject({
        state: text("Folder for history, caches and the install id; all of it can be lost.").optional(),
        redis: z
          .strictObject({ url: text("Default: 'lifeboat up' starts its own.").optional() })
          .meta({ description: "The queue." })
          .optional(),
        web: z
          .strictObject({
            listen: text("Address and port.", "127.0.0.1:8080").optional(),
            public_url: text("How people reach it.").optional(),
          })
          .meta({ description: "The page." })
          .optional(),
      })
      .meta({ description: "The control plane." })
      .optional(),
    repositories: z.record(name, repository).meta({ description: "Repositories by name." }).optional(),
    defaults: z
      .strictObject({ host: host.optional(), policy: policyDefaults.optional(), repository: repository.optional() })
      .meta({ description: "Values for every host, policy or repository." })
      .optional(),
    hosts: z.record(name, host).meta({ description: "Hosts by name." }).optional(),
    templates: z.record(name, policyDefaults).meta({ description: "Parts of policies by name." }).optional(),
    policies: z.record(name, policy).meta({ description: "Policies by name." }).optional(),
    drills: z.record(name, drill).meta({ description: "Drills by name." }).optional(),
  })
  .meta({ title: "Lifeboat configuration", description: "Backups and drills of servers and databases." });
