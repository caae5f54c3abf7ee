import { z } from "zod";
import { absolutePath, count, flag, name, port, ratio, size, text, withAppend, word } from "./scalars.ts";
import { secret } from "./secret-schema.ts";

export const guards = z
  .strictObject({
    min_bytes: size("Smaller is failed.").optional(),
    max_shrink: ratio("Shrunk by more than this share since the last time is failed.")
      .refine((share) => share < 1, { error: "could never fail: nothing shrinks by more than 100%" })
      .optional(),
    max_unreadable: count("More unreadable files than this is failed.").optional(),
  })
  .meta({ description: "What a good backup must not look like." });

const exclude = z
  .array(text("A glob; with a slash it is matched against the path, without against the name."))
  .meta({ description: "What is left out.", examples: [["**/node_modules", "*.tmp"]] });

const tagName = text("Name of a file.").regex(/^[^/]+$/, {
  error: (issue) => `${JSON.stringify(issue.input)} is no name of a file: it holds a slash`,
});

/** What of the paths belongs to a source; a policy says it for all of its sources. */
export const selection = {
  exclude: exclude.optional(),
  include: z
    .array(text("A glob, read as those of exclude."))
    .meta({
      description: "Exceptions from exclude, also within folders that it leaves out.",
      examples: [["/home/*/.cache/keep"]],
    })
    .optional(),
  exclude_caches: flag("Of a folder with a CACHEDIR.TAG only that file is kept.", false).optional(),
  exclude_if_present: z
    .array(tagName)
    .max(20)
    .meta({ description: "Of a folder that holds one of these files only that file is kept.", examples: [[".nobackup"]] })
    .optional(),
  exclude_larger_than: size("Larger files are left out.").optional(),
};

const record = z
  .strictObject({
    rows: z
      .union([z.literal("all"), z.array(text("A table, or schema.table.")).max(1000)])
      .meta({ description: 'Tables whose rows are counted inside the dump\'s own snapshot, or "all".', default: [] })
      .optional(),
  })
  .meta({ description: "Facts recorded with the dump; drills compare with them." });

// Not a word that pg_dump would read as an option or as a connection string.
const databaseName = text("Name of the database.").regex(/^[^-@=\s][^=\s]*$/, {
  error: (issue) => `${JSON.stringify(issue.input)} is no plain name of a database`,
});

const filesSource = z.strictObject(
  withAppend({
    name,
    type: z.literal("files"),
    paths: z.array(absolutePath("A file or folder.")).min(1, { error: "needs at least one path" }).optional(),
    ...selection,
    one_filesystem: z.boolean().meta({ description: "Stay on the file systems of the paths.", default: false }).optional(),
    guards: guards.optional(),
  }),
);

const postgresqlSource = z.strictObject({
  name,
  type: z.literal("postgresql"),
  database: databaseName.optional(),
  user: word("Login of the database.").optional(),
  password: secret("Password of the database login").optional(),
  server: word("Server as seen from the host, or its socket folder.").optional(),
  port: port("Port of the server.").optional(),
  record: record.optional(),
  guards: guards.optional(),
});

const sqliteSource = z.strictObject({
  name,
  type: z.literal("sqlite"),
  path: absolutePath("The database file.").optional(),
  record: record.optional(),
  guards: guards.optional(),
});

export const source = z
  .discriminatedUnion("type", [filesSource, postgresqlSource, sqliteSource])
  .meta({ description: "Paths or one database; with its host it is an asset." });
export type SourceInput = z.infer<typeof source>;
