import type { ErrorRow } from "../error-row.ts";
import { exitCodes } from "../exit-codes.ts";

export const jobErrors = {
  cancelled: {
    exit: exitCodes.cancelled,
    retry: "never",
    meaning: "Stopped by a person.",
    hint: "Run the command again when you are ready.",
  },
  "job-fenced": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "A newer attempt of the same run has taken over.",
    hint: "Nothing: the newer attempt reports the result.",
  },
  "job-timeout": {
    exit: exitCodes.failed,
    retry: "later",
    meaning:
      "The run took longer than its timeout (its policy's; a drill's deadline; days for a check or a prune) and was stopped.",
    hint: "Look why it is slow with 'lifeboat job show', or raise the policy's timeout; by hand ('lifeboat repo check', 'repo prune') there is none.",
  },
  "worker-lost": {
    exit: exitCodes.failed,
    retry: "later",
    meaning: "The worker fell silent while it did the run: it was killed, or its machine went down.",
    hint: "Look why it ended (memory, the system's log), and start the run again.",
  },
  "guard-broken": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "A guard of the policy does not hold (size, shrink, unreadable files).",
    hint: "Look at the source; when it is right, raise the guard.",
  },
  "clock-suspect": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "Snapshots would go because of their age, and the clock that says so is perhaps wrong.",
    hint: "Look at this machine's clock with 'date' and 'lifeboat doctor'.",
  },
  "asset-unknown": {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "The configuration has no such asset, policy, repository or drill.",
    hint: "Run 'lifeboat config explain' to see what there is.",
  },
  "verification-failed": {
    exit: exitCodes.checkFailed,
    retry: "never",
    meaning: "What was restored is not what the snapshot holds.",
    hint: "Do not use the target; restore again and run 'lifeboat repo check --read-data'.",
  },
} as const satisfies Record<string, ErrorRow>;
