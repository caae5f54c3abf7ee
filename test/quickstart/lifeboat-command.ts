import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { StepFailure } from "./step-failure.ts";

export const lifeboatProgram = fileURLToPath(new URL("../../packages/cli/bin/lifeboat.js", import.meta.url));

export interface LifeboatAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real command, as a person calls it. */
export interface LifeboatCommand {
  /** Exit codes other than 0 and `accept` are a StepFailure that quotes the command. */
  run(args: readonly string[], accept?: readonly number[]): Promise<LifeboatAnswer>;
  /** Its answer with --json, one object a line. */
  runJson<T>(args: readonly string[]): Promise<T[]>;
}

const timeoutMs = 900_000;
const outputLimitBytes = 32 * 1024 * 1024;

export function createLifeboatCommand(options: {
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
}): LifeboatCommand {
  const run = (args: readonly string[], accept: readonly number[] = []) =>
    new Promise<LifeboatAnswer>((resolve, reject) => {
      options.signal.throwIfAborted();
      const child = spawn(process.execPath, [lifeboatProgram, ...args], {
        env: options.environment,
        cwd: options.cwd,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: timeoutMs,
      });
      const stop = () => child.kill("SIGTERM");
      options.signal.addEventListener("abort", stop, { once: true });
      const parts: Record<"stdout" | "stderr", string> = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (text: string) => {
          if (parts[name].length < outputLimitBytes) parts[name] += text;
        });
      }
      child.once("error", reject);
      child.once("close", (code, signal) => {
        options.signal.removeEventListener("abort", stop);
        if (options.signal.aborted) return reject(options.signal.reason);
        const exitCode = code ?? -1;
        if (exitCode === 0 || accept.includes(exitCode)) return resolve({ exitCode, ...parts });
        reject(
          new StepFailure(
            `'lifeboat ${args.join(" ")}' ended with ${signal ?? `exit code ${code}`}:\n${(parts.stderr || parts.stdout).trimEnd()}`,
            "What it says above names the place and the next command.",
          ),
        );
      });
    });
  return {
    run,
    async runJson<T>(args: readonly string[]) {
      const { stdout } = await run([...args, "--json"]);
      const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
      return lines.map((line) => JSON.parse(line) as T);
    },
  };
}
