import { findCommand } from "./command-line/find-command.ts";

/** Runs one command line and ends the process with its exit code. Only what the command needs is loaded. */
export async function main(argv: readonly string[]): Promise<never> {
  const found = findCommand(argv);
  if (found.kind === "none" && found.wrong === undefined) {
    if (argv.includes("--version")) return runRow(["version"]);
    return showHelp(async () => (await import("./command-line/render-help.ts")).renderProgramHelp());
  }
  if (found.kind === "group" && found.wrong === undefined) {
    const { group, rows } = found;
    return showHelp(async () => (await import("./command-line/render-help.ts")).renderGroupHelp(group, rows));
  }
  return runRow(argv);
}

async function runRow(argv: readonly string[]): Promise<never> {
  const { runCommand } = await import("./run-command.ts");
  process.exit(await runCommand(argv));
}

async function showHelp(text: () => Promise<string>): Promise<never> {
  const written = await text();
  // Without the room host, which would cost most of the time that the help takes.
  process.stdout.on("error", () => process.exit(0));
  await new Promise((resolve) => process.stdout.write(written, resolve));
  process.exit(0);
}
