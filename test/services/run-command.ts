import { spawn } from "node:child_process";
import { cleanEnvironment } from "./clean-environment.ts";

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Added to the clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** Runs as this account; needs root. */
  readonly account?: string;
  /** Exit codes that are no error; default only 0. `"any"` accepts all. */
  readonly accept?: readonly number[] | "any";
  /** Default 300 s; then it is killed, which is an error. */
  readonly timeoutMs?: number;
  /** How stdout and stderr become strings; default utf8. */
  readonly encoding?: BufferEncoding;
}

/** Runs a program without a shell. An exit code that is not accepted throws an error with all it said. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const account = options.account;
  const argv =
    account === undefined
      ? [command, ...args]
      : ["setpriv", `--reuid=${account}`, `--regid=${account}`, "--init-groups", "--", command, ...args];
  const encoding = options.encoding ?? "utf8";
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      env: cleanEnvironment(options.env),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? 300_000,
      killSignal: "SIGKILL",
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (data: Buffer) => stdout.push(data));
    child.stderr.on("data", (data: Buffer) => stderr.push(data));
    child.stdin.on("error", () => undefined); // a program that does not read its input is no error
    child.stdin.end(options.input);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const result = {
        exitCode: code ?? -1,
        stdout: Buffer.concat(stdout).toString(encoding),
        stderr: Buffer.concat(stderr).toString(encoding),
      };
      const accepted = code !== null && (options.accept === "any" || (options.accept ?? [0]).includes(code));
      if (accepted) resolve(result);
      else reject(new Error(`${[command, ...args].join(" ")} ended with ${signal ?? code}:\n${result.stdout}\n${result.stderr}`));
    });
  });
}
