import { type ErrorCode, errorCodes } from "@lifeboat/model";
import { exitCodeRows } from "./help-topics.ts";
import { cell } from "./render-cli-reference.ts";

/** docs/errors.md, from the one table of errors. */
export function renderErrorReference(): string {
  const rows = (Object.keys(errorCodes) as ErrorCode[]).sort().map((code) => {
    const { exit, retry, meaning, hint } = errorCodes[code];
    return `| \`${code}\` | ${exit} | ${retry} | ${cell(meaning)} | ${cell(hint)} |`;
  });
  const exits = exitCodeRows().map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return [
    "# Errors and exit codes",
    "<!-- Written by packages/cli/src/docs/write-docs.ts; change packages/model/src/errors, not this file. -->",
    'Every error says what happened, why, what state it left, and the next command. With `--json` it is one object on standard error: `{"message_type":"exit_error","code":...,"error":...,"message":...}`.',
    "## Exit codes",
    "3, 10, 11, 12 and 130 are restic's. A code that you do not know means failure.",
    ["| code | meaning |", "| --- | --- |", ...exits].join("\n"),
    "## Error codes",
    "Retry: `later` may pass by itself and is tried again by the service; `never` needs a person first.",
    ["| error | exit | retry | meaning | next |", "| --- | --- | --- | --- | --- |", ...rows].join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
}
