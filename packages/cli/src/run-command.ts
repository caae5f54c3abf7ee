import { createConsole, readEnvironment } from "@lifeboat/host";
import { errorObject, exitCodes, isLifeboatError, LifeboatError, renderError, suggest } from "@lifeboat/model";
import { commandRows } from "./command-line/command-table.ts";
import { type FoundCommand, findCommand } from "./command-line/find-command.ts";
import { readOptions } from "./command-line/read-options.ts";
import { renderCommandHelp } from "./command-line/render-help.ts";
import { openSession } from "./session/session.ts";

/** Finds the command, runs it and shows what went wrong. Resolves to the exit code and never rejects. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const environment = readEnvironment();
  const json = argv.includes("--json");
  const output = createConsole({ environment, colour: !argv.includes("--no-color") });
  let isReader = false;
  try {
    const found = findCommand(argv);
    if (found.kind !== "command") throw unknownCommand(found);
    const spec = await found.row.load();
    isReader = spec.repository === true && spec.writes !== true;
    const read = readOptions(found.row, spec, found.rest);
    if (read.kind === "help") {
      await output.out(renderCommandHelp(found.row, spec));
      return exitCodes.passed;
    }
    if (read.kind === "wrong") {
      throw new LifeboatError("usage", `${found.row.name}: ${read.message}`, {
        hint: `Run 'lifeboat ${found.row.name} --help': examples come first.`,
      });
    }
    using session = openSession({ output, environment, values: read.values });
    try {
      const code = await spec.run(session, read.values);
      return code === exitCodes.passed && session.isIncomplete ? exitCodes.incomplete : code;
    } catch (error) {
      // Whatever broke while it was being stopped: the person has stopped it.
      throw session.signal.aborted && !isLifeboatError(error, "cancelled") ? session.signal.reason : error;
    }
  } catch (error) {
    output.status(undefined);
    output.note(
      json ? JSON.stringify(errorObject(error)) : renderError(error, { color: output.colour, ...stateOf(error, isReader) }),
    );
    return isLifeboatError(error) ? error.exitCode : exitCodes.failed;
  }
}

function unknownCommand(found: Exclude<FoundCommand, { kind: "command" }>): LifeboatError {
  const typed = found.kind === "group" ? `${found.group} ${found.wrong ?? ""}`.trim() : (found.wrong ?? "");
  const names = commandRows.filter((row) => row.hidden !== true).map(({ name }) => name);
  const group = suggest(
    typed,
    names.map((name) => name.split(" ")[0] ?? name),
  );
  const near = suggest(typed, names) ?? names.find((name) => name.split(" ")[0] === group);
  const among = found.kind === "group" ? `; known: ${found.rows.map(({ name }) => name).join(", ")}` : "";
  return new LifeboatError("usage", `there is no command "${typed}"${near === undefined ? among : `; did you mean "${near}"?`}`, {
    hint: "Run 'lifeboat --help' to see all commands.",
  });
}

/** The table's words speak of backups; a command that only reads has left nothing behind, whatever broke. */
function stateOf(error: unknown, isReader: boolean): { readonly state?: string } {
  const isPlain = isLifeboatError(error) && error.context.state === undefined;
  return isReader && isPlain ? { state: "nothing was changed" } : {};
}
