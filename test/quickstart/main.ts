import { randomBytes } from "node:crypto";
import { type QuickstartOptions, readOptions, usage } from "./options.ts";
import { markEnvironment } from "./own-processes.ts";
import { openScene, type Scene } from "./scene.ts";
import { StepFailure } from "./step-failure.ts";
import { readTail } from "./tell-stock-restic.ts";
import { tellStory } from "./tell-story.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

const terminal = createTerminal();
const logLines = 25;

async function main(options: QuickstartOptions): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) terminal.line("\nStopping, a moment please ...");
      stop.abort(new Error("stopped by you"));
    });
  }
  const mark = randomBytes(8).toString("hex");
  markEnvironment(mark);
  const scene = await openScene(options, terminal, stop.signal);
  terminal.line("Lifeboat, from nothing to a proven recovery, all of it on this machine and in one folder:");
  terminal.line(scene.folder);
  try {
    await tellStory(scene, mark);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) {
      terminal.line(`Stopped before the end. What was made so far lies in ${scene.folder}.`);
      return 130;
    }
    await tellFailure(terminal, scene, error);
    return 1;
  }
}

async function tellFailure({ line }: Terminal, { folder, logFile }: Scene, error: unknown): Promise<void> {
  const tail = (await readTail(logFile, logLines)).filter((each) => each !== "");
  if (tail.length > 0) {
    line();
    line(`The last lines of the service's log (${logFile}):`);
    for (const each of tail) line(`    ${each}`);
  }
  line();
  line(`✗ ${error instanceof Error ? error.message : String(error)}`);
  line(
    `  ${error instanceof StepFailure ? error.advice : "Try it again; when it fails in the same place, please report it with the lines above."}`,
  );
  line(`  Everything was stopped; what was made so far lies in ${folder}`);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") process.stdout.write(usage);
  else process.exitCode = await main(options);
} catch (error) {
  process.stderr.write(`quickstart: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
