import { readFile } from "node:fs/promises";
import { runCommand } from "../services/run-command.ts";
import type { Scene } from "./scene.ts";
import { StepFailure } from "./step-failure.ts";

/** The restic of the machine, which knows nothing of Lifeboat, reads every byte of both repositories. No service may be running. */
export async function tellStockRestic(scene: Scene): Promise<void> {
  const { terminal, repositories, passwordFiles } = scene;
  const version = await readVersion();
  if (version === undefined) {
    terminal.line();
    terminal.fact("(stock restic is not installed here, so it was not asked: apt-get install restic)");
    return;
  }
  await terminal.step("Stock restic, which knows nothing of Lifeboat, reads every byte", async () => {
    for (const name of ["main", "copy"] as const) {
      const args = ["check", "--read-data", "--no-cache", "--repo", repositories[name], "--password-file", passwordFiles[name]];
      const { exitCode, stdout, stderr } = await runCommand("restic", args, { env: awsOf(scene), accept: "any" });
      terminal.command(`restic ${args.join(" ")}`, stdout.trimEnd().split("\n").at(-1) ?? "");
      if (exitCode !== 0 || !stdout.includes("no errors were found")) {
        throw new StepFailure(
          `stock restic is not content with ${name}:\n${stdout}${stderr}`,
          "This is a bug: please report it.",
        );
      }
    }
    return { figure: `${version}: no errors in either`, value: undefined };
  });
}

async function readVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await runCommand("restic", ["version"]);
    return stdout.split(" ").slice(0, 2).join(" ").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function awsOf({ environment }: Scene): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith("AWS_")));
}

/** The last lines of a log, for a failure. */
export async function readTail(file: string, lines: number): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-lines);
}
