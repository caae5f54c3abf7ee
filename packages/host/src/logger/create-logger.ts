import { isLifeboatError, type Logger } from "@lifeboat/model";
import { pino } from "pino";
import type { SecretMask } from "../secrets/secret-mask.ts";
import { plainLine } from "./plain-line.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Present on each line: `{ program: "worker" }`. */
  readonly fields?: Readonly<Record<string, string | number>>;
  readonly mask?: SecretMask;
  /** `json`: one object a line. `plain`: for eyes. Default: plain on a terminal, else json. */
  readonly form?: "json" | "plain";
  /** Default: standard error, so that standard output stays data. */
  readonly destination?: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** Names under which a secret could slip in by mistake; the mask catches values, this catches fields. */
const secretNames = ["password", "secret", "token", "passphrase", "secretAccessKey", "privateKey", "authorization"];

/** JSON lines `{"level","ts","msg",...}` with times in UTC; errors as `err.code`, `err.message`, `err.hint`. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? process.stderr;
  const plain = (options.form ?? (destination.isTTY === true ? "plain" : "json")) === "plain";
  const masked = (line: string) => (options.mask === undefined ? line : options.mask.apply(line));
  const log = pino(
    {
      level: options.level,
      base: options.fields ?? null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "***" },
      serializers: { err: describeError, error: describeError, cause: describeError },
    },
    { write: (line: string) => destination.write(masked(plain ? plainLine(line) : line)) },
  );
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  };
}

function describeError(error: unknown): unknown {
  if (isLifeboatError(error)) {
    return {
      code: error.code,
      message: error.message,
      hint: error.hint,
      ...(error.cause instanceof Error && { cause: error.cause.message }),
    };
  }
  return error instanceof Error ? { message: error.message, stack: error.stack } : error;
}
