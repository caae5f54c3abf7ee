import { z } from "zod";
import { argv, period, text } from "./scalars.ts";

/** For messages. */
export const secretForms = "{ env: NAME }, { file: PATH }, { command: [...] } or { systemd: NAME }";

/** Where a secret is; a plain string is refused before anything else looks at it. */
export const secret = (what: string) =>
  z
    .union(
      [
        z.strictObject({ env: text("Name of an environment variable.") }),
        z.strictObject({ file: text("Path of a file that only its owner may read.") }),
        z.strictObject({
          command: argv("Program and arguments; its output is the secret. No shell."),
          timeout: period("How long the program may take.", "10s").optional(),
        }),
        z.strictObject({ systemd: text("Name of a systemd credential.") }),
      ],
      {
        error: (issue) =>
          typeof issue.input === "object" && issue.input !== null
            ? "a secret is named in one of four forms [inline-secret]"
            : "a secret may not stand in the file [inline-secret]",
      },
    )
    .meta({ description: `${what}: ${secretForms}.` });

export type SecretInput = z.infer<ReturnType<typeof secret>>;
