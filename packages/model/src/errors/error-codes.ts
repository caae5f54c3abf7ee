import { configErrors } from "./codes/config-errors.ts";
import { controlErrors } from "./codes/control-errors.ts";
import { drillErrors } from "./codes/drill-errors.ts";
import { jobErrors } from "./codes/job-errors.ts";
import { remoteErrors } from "./codes/remote-errors.ts";
import { repositoryErrors } from "./codes/repository-errors.ts";
import type { ErrorRow } from "./error-row.ts";

/** The one table of errors; a room adds its rows in its own file under codes/. */
export const errorCodes = {
  ...configErrors,
  ...repositoryErrors,
  ...remoteErrors,
  ...jobErrors,
  ...drillErrors,
  ...controlErrors,
} satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCodes;
