import { z } from "zod";
import { absolutePath, argv, count, duration, name, period, port, ratio, size, text, word } from "./scalars.ts";
import { schedule } from "./schedule-schema.ts";
import { secret } from "./secret-schema.ts";

const hostName = name.meta({ description: "A host with purpose: scratch; default: the machine that runs the drill." }).optional();
const command = z
  .strictObject({
    host: hostName,
    command: argv('Program and arguments, no shell; "{run}", "{TARGET.path}" and "{TARGET.url_file}" are filled in.'),
  })
  .meta({ description: "A command on a scratch host." });
const names = (description: string) => z.array(name).max(500).meta({ description });

const target = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("directory"),
      host: hostName,
      path: absolutePath('A new folder; must hold "{run}".'),
      min_free: size("Free space that must be there before.").optional(),
    }),
    z.strictObject({
      type: z.literal("postgresql"),
      host: hostName,
      server: z
        .union([
          z.literal("throwaway"),
          z.strictObject({
            address: word("Of the scratch server.", "127.0.0.1").optional(),
            port: port("Of the scratch server.", 5432).optional(),
            user: word("Login.").optional(),
            password: secret("Password of the scratch login").optional(),
          }),
        ])
        .meta({
          description: "throwaway (started for the drill from the machine's own packages) or a given scratch server.",
          default: "throwaway",
        })
        .optional(),
      database: word('A new database; must hold "{run}".', "drill_{run}").optional(),
    }),
    z.strictObject({ type: z.literal("sqlite"), host: hostName, path: absolutePath('A new file; must hold "{run}".') }),
  ])
  .meta({ description: "Where a drill restores to." });

const step = z
  .strictObject({
    id: name,
    needs: names("Steps that must be done before.").optional(),
    timeout: period("Default: the drill's deadline.").optional(),
    restore: z
      .strictObject({
        asset: z
          .string()
          .regex(/^[a-z0-9][a-z0-9._-]{0,62}\/[a-z0-9][a-z0-9._-]{0,62}$/, {
            error: (issue) => `${JSON.stringify(issue.input)} is no asset: write HOST/SOURCE`,
          })
          .meta({ description: "HOST/SOURCE." }),
        to: name.meta({ description: "A target." }),
        paths: z.array(absolutePath("Only this part.")).max(1000).optional(),
      })
      .meta({ description: "Restore an asset to a target." })
      .optional(),
    run: command.optional(),
    wait: period("Wait this long.").optional(),
  })
  .meta({ description: "One of restore, run or wait." });

const checkShape = {
  id: name,
  after: name.meta({ description: "The step after which it is looked at." }),
  needs: names("Checks that must have passed before.").optional(),
  severity: z.enum(["fail", "warn"]).meta({ description: "What a no means.", default: "fail" }).optional(),
  timeout: period("No answer within this time is inconclusive.", "5m").optional(),
  control: z
    .union([
      z.enum(["auto", "none"]),
      z.strictObject({ drop_table: text("Table to drop on the copy.") }),
      z.strictObject({ run: argv("Program that damages the copy.") }),
    ])
    .meta({ description: "How the copy is damaged to prove that the check can fail; none proves nothing.", default: "auto" })
    .optional(),
};
const scalar = z.union([z.string(), z.number(), z.boolean()]);

const check = z
  .discriminatedUnion("type", [
    z.strictObject({
      ...checkShape,
      type: z.literal("file_hash"),
      sample: ratio("Share of the files.", "100%").optional(),
      against: z.literal("snapshot").meta({ description: "What the hashes are compared with.", default: "snapshot" }).optional(),
    }),
    z.strictObject({
      ...checkShape,
      type: z.literal("row_count"),
      table: text("Table, or schema.table."),
      compare: z
        .union([z.literal("recorded"), z.strictObject({ count: count("Rows.") })])
        .meta({ description: "With the number recorded at dump time, or with a given one.", default: "recorded" })
        .optional(),
      tolerance: z
        .union([z.literal(0), ratio("Share by which it may differ.")])
        .meta({ description: "0 or a share like 1%.", default: 0 })
        .optional(),
    }),
    z.strictObject({
      ...checkShape,
      type: z.literal("sql"),
      query: text("Gives one value."),
      expect: scalar.meta({ description: "The value, compared as text." }).optional(),
      min: z.number().meta({ description: "Lowest good value." }).optional(),
      max: z.number().meta({ description: "Highest good value." }).optional(),
    }),
    z.strictObject({
      ...checkShape,
      type: z.literal("freshness"),
      query: text("Gives the newest time in the data."),
      max_age: period("Its greatest age when the drill was declared."),
    }),
    z.strictObject({
      ...checkShape,
      type: z.literal("command"),
      host: hostName,
      run: argv("Program and arguments, no shell."),
      expect: z
        .strictObject({ exit: count("Exit status.", 0).optional(), output: text("Must stand in its output.").optional() })
        .meta({ description: "What a good answer looks like." })
        .optional(),
    }),
    z.strictObject({
      ...checkShape,
      type: z.literal("http"),
      url: text("http or https address.").regex(/^https?:\/\//, { error: "is no http or https address" }),
      expect: z
        .strictObject({ status: count("Status.", 200, 100).optional(), body: text("Must stand in the body.").optional() })
        .meta({ description: "What a good answer looks like." })
        .optional(),
      retry: z
        .strictObject({ for: duration("How long it may take until the answer is good.", "0s") })
        .meta({ description: "Try again." })
        .optional(),
    }),
  ])
  .meta({ description: "A question to the restored data." });

export const drill = z
  .strictObject({
    description: text("In one sentence.").optional(),
    owner: text("Who is told.").optional(),
    schedule: schedule.optional(),
    snapshot: z
      .strictObject({
        from: name.meta({ description: "Repository under test; default: each asset's own." }).optional(),
        pick: z.enum(["latest", "random", "before"]).meta({ description: "Which snapshot.", default: "latest" }).optional(),
        within: period("With pick: random.").optional(),
        time: z.iso
          .datetime({ offset: true, error: 'is no time like "2026-11-20T14:00:00Z"' })
          .meta({ description: "With pick: before." })
          .optional(),
      })
      .meta({ description: "Which snapshots are restored." })
      .optional(),
    objectives: z
      .strictObject({
        rto: period("Default: the strictest of the assets used.").optional(),
        rpo: period("Default: the strictest of the assets used.").optional(),
      })
      .meta({ description: "What must be reached." })
      .optional(),
    deadline: period("After this the drill is stopped and torn down.", "4h").optional(),
    targets: z.record(name, target).meta({ description: "Scratch places, by name." }).optional(),
    steps: z.array(step).max(500).meta({ description: "In the order of their needs; without needs at once." }).optional(),
    checks: z.array(check).max(500).meta({ description: "What must hold." }).optional(),
    teardown: z
      .strictObject({
        keep_on_failure: duration("Keep the targets of a failed drill this long.", "0s").optional(),
        run: command.optional(),
      })
      .meta({ description: "How it is cleaned up." })
      .optional(),
  })
  .meta({ description: "A rehearsal of a recovery." });
export type DrillInput = z.infer<typeof drill>;
export type DrillStepInput = z.infer<typeof step>;
export type DrillCheckInput = z.infer<typeof check>;
export type DrillTargetInput = z.infer<typeof target>;
export type DrillCommandInput = z.infer<typeof command>;
