import type { ErrorRow } from "../error-row.ts";
import { exitCodes } from "../exit-codes.ts";

export const drillErrors = {
  "drill-invalid": {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "The drill's definition has errors.",
    hint: "Run 'lifeboat drill validate'.",
  },
  "drill-target-failed": {
    exit: exitCodes.inconclusive,
    retry: "never",
    meaning: "A drill target could not be provided.",
    hint: "The message has the reason; the drill is inconclusive, not failed.",
  },
  "drill-step-failed": {
    exit: exitCodes.checkFailed,
    retry: "never",
    meaning: "A step of the drill ended with a no: the service did not come back.",
    hint: "The drill's report has the step's output.",
  },
  "drill-timeout": {
    exit: exitCodes.inconclusive,
    retry: "never",
    meaning: "A part of the drill took longer than its timeout or the drill's deadline.",
    hint: "Look at the timeline of the drill's report; raise the timeout or the deadline when it is too tight.",
  },
  "drill-control-failed": {
    exit: exitCodes.inconclusive,
    retry: "never",
    meaning: "A check could not be tried against damaged data, so nothing is known about it.",
    hint: "The message has the reason; give the check a control of its own with 'control: { run: [...] }'.",
  },
} as const satisfies Record<string, ErrorRow>;
