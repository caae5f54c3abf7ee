import type { ErrorRow } from "../error-row.ts";
import { exitCodes } from "../exit-codes.ts";

export const configErrors = {
  usage: {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "The command line was not understood.",
    hint: "Run the command with --help: examples come first.",
  },
  "confirmation-needed": {
    exit: exitCodes.confirmation,
    retry: "never",
    meaning: "The command asks before it does this, and there is no terminal to ask on.",
    hint: "Add --yes when you are sure.",
  },
  "config-invalid": {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "The configuration has errors; each is shown with its place.",
    hint: "Mend the places shown and run 'lifeboat config validate'.",
  },
  "config-missing": {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "No configuration file was found.",
    hint: "Run 'lifeboat init' to write one, or pass --config FILE.",
  },
  "secret-unresolved": {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "A secret reference (env, file, command, systemd) could not be resolved.",
    hint: "Set the secret where the configuration says it is, then run 'lifeboat doctor'.",
  },
} as const satisfies Record<string, ErrorRow>;
