import type { CompiledDrillCheck } from "@lifeboat/model";
import type { DrillContext } from "../drill-context.ts";
import { outputOf } from "../machine/run-command.ts";
import { runDrillCommand } from "../steps/run-drill-command.ts";
import { type CheckOutcome, failed, inconclusive, maxOutputBytes, passed } from "./check-outcome.ts";

export type CommandCheck = Extract<CompiledDrillCheck, { type: "command" }>;

export async function checkCommand(check: CommandCheck, context: DrillContext, signal: AbortSignal): Promise<CheckOutcome> {
  const output = check.expectOutput === undefined ? "" : ` and "${check.expectOutput.slice(0, 60)}"`;
  const wanted = `exit ${check.expectExit}${output}`;
  const result = await runDrillCommand(context, check.run.command, check.run.host, signal);
  const said = outputOf(result);
  const shown = context.mask((said + result.stderr).slice(0, maxOutputBytes));
  const { status } = result.exit;
  const program = check.run.command[0] ?? "";
  if (status === null)
    return { ...inconclusive(wanted, `"${program}" was ended by ${result.exit.signal ?? "a signal"}`), output: shown };
  // What a shell and sudo give when there is no such program, or when it may not be run: nothing was asked.
  if ((status === 126 || status === 127) && status !== check.expectExit) {
    return { ...inconclusive(wanted, `"${program}" could not be run (exit ${status})`), output: shown };
  }
  const found = `exit ${status}`;
  if (status !== check.expectExit) {
    return { ...failed(wanted, found, `"${program}" ended with ${status}, wanted ${check.expectExit}`), output: shown };
  }
  if (check.expectOutput !== undefined && !said.includes(check.expectOutput)) {
    return {
      ...failed(wanted, `${found}, another output`, `"${program}" did not say "${check.expectOutput.slice(0, 60)}"`),
      output: shown,
    };
  }
  return { ...passed(wanted, found), output: shown };
}
