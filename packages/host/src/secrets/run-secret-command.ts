import { spawn } from "node:child_process";
import { LifeboatError } from "@lifeboat/model";
import type { Environment } from "../environment/environment.ts";

const maxOutputBytes = 64 * 1024;

export interface SecretCommand {
  readonly argv: readonly string[];
  readonly timeoutSeconds: number;
  /** For messages: "password of repository s3-main". */
  readonly what: string;
  readonly environment: Environment;
}

/** Runs a program by its argument list, without a shell, and gives what it wrote to stdout. It leads its own process group. */
export function runSecretCommand({ argv, timeoutSeconds, what, environment }: SecretCommand): Promise<string> {
  const program = argv[0];
  const failed = (why: string, cause?: unknown) =>
    new LifeboatError("secret-unresolved", `${what}: command ${program ?? "''"} ${why}`, { cause });
  if (program === undefined || program === "") return Promise.reject(failed("has no program"));
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...environment },
      detached: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let complaint = "";
    const end = (error: Error | undefined) => {
      clearTimeout(timer);
      // the whole group: a child of the program may hold the pipe open for ever
      if (error !== undefined && child.pid !== undefined) {
        try {
          process.kill(-child.pid, "SIGKILL");
        } catch {
          // it has ended already
        }
        child.stdout.destroy();
        child.stderr.destroy();
      }
      if (error === undefined) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(error);
    };
    const timer = setTimeout(() => end(failed(`did not end within ${timeoutSeconds}s`)), timeoutSeconds * 1000);
    child.once("error", (error) => end(failed(`could not be started (${error.message})`, error)));
    child.stdout.on("data", (bytes: Buffer) => {
      size += bytes.length;
      if (size > maxOutputBytes) end(failed(`wrote more than ${maxOutputBytes} bytes`));
      else chunks.push(bytes);
    });
    child.stderr.on("data", (bytes: Buffer) => {
      complaint = (complaint + bytes.toString("utf8")).slice(-2000);
    });
    child.once("close", (status, signal) => {
      if (status === 0) return end(undefined);
      const lastLine = complaint.trim().split("\n").at(-1) ?? "";
      end(failed(`${signal === null ? `ended with status ${status}` : `was ended by ${signal}`}${lastLine && `: ${lastLine}`}`));
    });
  });
}
