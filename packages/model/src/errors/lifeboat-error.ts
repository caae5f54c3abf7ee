import type { ErrorCode } from "./error-codes.ts";
import { errorCodes } from "./error-codes.ts";

export interface LifeboatErrorOptions {
  /** One sentence that says what to do next; the table's own hint when left out. */
  readonly hint?: string;
  /** Names and numbers for the log and `--json`. Never a secret. */
  readonly context?: Readonly<Record<string, string | number | boolean | null>>;
  readonly cause?: unknown;
  /** Overrides the table where one code has both kinds (an S3 answer, for instance). */
  readonly retry?: "never" | "later";
}

/**
 * The one error that people see: what, where, state, next command. The message is lower case, without a full stop, and names
 * the value and the place. Anything else that reaches a program's main is a bug and says so.
 */
export class LifeboatError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: Readonly<Record<string, string | number | boolean | null>>;
  readonly retry: "never" | "later";

  constructor(code: ErrorCode, message: string, options: LifeboatErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LifeboatError";
    this.code = code;
    this.hint = options.hint ?? errorCodes[code].hint;
    this.context = options.context ?? {};
    this.retry = options.retry ?? errorCodes[code].retry;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }
}

/** By name and shape, because two copies of a package break `instanceof`. */
export function isLifeboatError(error: unknown, code?: ErrorCode): error is LifeboatError {
  return (
    error instanceof Error && error.name === "LifeboatError" && (code === undefined || (error as LifeboatError).code === code)
  );
}

/** The same error where the place that it came to is known to leave another state than its code says; others are given back as they are. */
export function withState(error: unknown, state: string): unknown {
  if (!isLifeboatError(error)) return error;
  const { code, message, hint, context, retry, cause } = error;
  return new LifeboatError(code, message, { ...(hint !== undefined && { hint }), context: { ...context, state }, retry, cause });
}

/** For `catch (error: unknown)`: the message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
