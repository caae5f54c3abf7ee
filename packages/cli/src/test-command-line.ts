import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const program = fileURLToPath(new URL("../bin/lifeboat.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when this was written to standard output or standard error. */
  said(text: string): Promise<void>;
}

/** A place with its own home, so that nothing of the machine's user is read or written. */
export interface Place {
  readonly folder: string;
  /** Absolute path of something in it. */
  at(name: string): string;
  write(name: string, text: string, mode?: number): string;
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  start(args: readonly string[], options?: RunOptions): Running;
  remove(): void;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export function createPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-cli-"));
  mkdirSync(join(folder, "home"));
  const at = (name: string) => join(folder, name);
  const start = (args: readonly string[], { env = {}, input }: RunOptions = {}): Running => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: at("home"), XDG_STATE_HOME: at("state-home"), TZ: "UTC", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
    const words = { out: "", err: "" };
    const waiting: { text: string; resolve: () => void }[] = [];
    const hear = (where: "out" | "err") => (bytes: Buffer) => {
      words[where] += bytes.toString("utf8");
      for (const one of waiting) if (words.out.includes(one.text) || words.err.includes(one.text)) one.resolve();
    };
    child.stdout.on("data", hear("out"));
    child.stderr.on("data", hear("err"));
    const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, ...words })));
    return {
      pid: child.pid ?? 0,
      ended,
      kill: (signal) => void child.kill(signal),
      said: (text) =>
        new Promise((resolve, reject) => {
          waiting.push({ text, resolve });
          if (words.out.includes(text) || words.err.includes(text)) resolve();
          void ended.then(({ code, err }) => reject(new Error(`ended with ${code} before it said "${text}": ${err}`)));
        }),
    };
  };
  return {
    folder,
    at,
    write(name, text, mode = 0o600) {
      writeFileSync(at(name), text);
      chmodSync(at(name), mode);
      return at(name);
    },
    run: (args, options) => start(args, options).ended,
    start,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
