import type { ErrorRow } from "../error-row.ts";
import { exitCodes } from "../exit-codes.ts";

export const controlErrors = {
  "control-plane-unreachable": {
    exit: exitCodes.controlPlane,
    retry: "later",
    meaning: "Redis or the service does not answer.",
    hint: "Start it with 'lifeboat up'; restores work without it.",
  },
  "catalog-failed": {
    exit: exitCodes.controlPlane,
    retry: "later",
    meaning: "The history database could not be read or written.",
    hint: "Check the state folder's disk and rights.",
  },
  "state-folder-failed": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The state folder cannot be created or written.",
    hint: "Pass --state DIR or set control.state.",
  },
  "service-running": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "Another service already runs with this state folder.",
    hint: "Use that one, stop it first, or pass another --state DIR.",
  },
  "page-not-served": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The page cannot listen at its address.",
    hint: "Set control.web.listen to a free ADDRESS:PORT of this machine.",
  },
} as const satisfies Record<string, ErrorRow>;
