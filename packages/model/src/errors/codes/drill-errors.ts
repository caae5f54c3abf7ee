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
} as const satisfies Record<string, ErrorRow>;
