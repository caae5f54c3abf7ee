import type { ErrorCode } from "./error-codes.ts";
import { exitCodes } from "./exit-codes.ts";
import { isLifeboatError, type LifeboatError, messageOf } from "./lifeboat-error.ts";

export interface RenderErrorOptions {
  readonly color?: boolean;
  /** What stands now, when the program knows it better than the table: "snapshot 9f3c1a22 was kept". */
  readonly state?: string;
}

const maxTextLength = 2000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
const controls = /[\u0000-\u001f\u007f-\u009f]/g;

/** Where a code can come up in the middle of something, what is left. Codes not named here come before anything was done. */
const states: Partial<Record<ErrorCode, string>> = {
  cancelled: "what was stored so far is used by the next run; no snapshot was made of the rest",
  "connection-lost": "no snapshot was made; what was stored so far is used by the next run",
  "source-missing": "no snapshot was made; the last good one is kept",
  "guard-broken": "no snapshot was made; the last good one is kept",
  "host-garbage": "no snapshot was made; the last good one is kept",
  "dump-failed": "no snapshot was made of this dump; the last good one is kept",
  "repository-damaged": "no data was removed; what can be read is as it was",
  "object-missing": "no data was removed; what can be read is as it was",
  "store-failed": "nothing half-written counts as a snapshot; what was stored so far is used again",
  "store-refused": "nothing half-written counts as a snapshot; what was stored so far is used again",
  "store-full": "nothing half-written counts as a snapshot; what was stored so far is used again",
  "store-unreachable": "nothing half-written counts as a snapshot; what was stored so far is used again",
  "target-failed": "what was restored so far stays at the target",
  "target-full": "what was restored so far stays at the target",
  "verification-failed": "what was restored stays at the target, for diagnosis",
};

/** Codes that come before anything is touched. */
const untouched: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "usage",
  "confirmation-needed",
  "config-invalid",
  "config-missing",
  "secret-unresolved",
  "drill-invalid",
  "asset-unknown",
  "repository-missing",
  "key-not-found",
  "repository-exists",
  "repository-locked",
  "repository-unsupported",
  "wrong-password",
  "snapshot-not-found",
  "path-not-found",
  "store-bucket-missing",
  "host-unreachable",
  "host-key-unknown",
  "host-key-changed",
  "login-refused",
  "target-not-empty",
]);

/**
 * An error for people in four parts: what, why, state, next. Anything but a LifeboatError is a bug, and says so with its stack.
 */
export function renderError(error: unknown, options: RenderErrorOptions = {}): string {
  const paint = (code: number, text: string) => (options.color === true ? `\u001b[${code}m${text}\u001b[0m` : text);
  if (!isLifeboatError(error)) return renderBug(error, paint(31, "error"));
  const lines = [`${paint(31, "error")}: ${clean(error.message)} [${error.code}]`];
  const why = whyOf(error);
  if (why !== "") lines.push(`  why    ${why}`);
  const state = stateOf(error, options.state);
  if (state !== undefined) lines.push(`  state  ${clean(state)}`);
  if (error.hint !== undefined) lines.push(`  next   ${clean(error.hint)}`);
  return lines.join("\n");
}

/** The last line of a command with --json, as restic has it: `code` is the exit code. */
export function errorObject(error: unknown) {
  const known = isLifeboatError(error);
  const why = known ? whyOf(error) : "";
  return {
    message_type: "exit_error" as const,
    code: known ? error.exitCode : exitCodes.failed,
    message: clean(messageOf(error)),
    error: known ? error.code : "bug",
    ...(why === "" ? {} : { why }),
    ...(known && error.hint !== undefined ? { hint: error.hint } : {}),
    ...(known ? { context: error.context, retry: error.retry } : {}),
  };
}

function stateOf(error: LifeboatError, given: string | undefined): string | undefined {
  if (given !== undefined) return given;
  const fromThrower = error.context.state;
  if (typeof fromThrower === "string") return fromThrower;
  return states[error.code] ?? (untouched.has(error.code) ? "nothing was changed" : undefined);
}

/** The causes' own words, outermost first, without what the message says already. */
function whyOf(error: LifeboatError): string {
  const words: string[] = [];
  let cause = error.cause;
  for (let depth = 0; depth < 4 && cause !== undefined && cause !== null; depth++) {
    const text = clean(messageOf(cause));
    if (text !== "" && !error.message.includes(text) && !words.some((word) => word.includes(text))) words.push(text);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return words.join(": ");
}

function renderBug(error: unknown, word: string): string {
  const stack = error instanceof Error && error.stack !== undefined ? error.stack.split("\n").slice(1, 9) : [];
  const name = error instanceof Error ? error.name : typeof error;
  return [
    `${word}: unexpected ${name}: ${clean(messageOf(error))}`,
    ...stack.map((line) => `  ${clean(line.trim())}`),
    "  next   this is a bug in Lifeboat; please report it with the lines above",
  ].join("\n");
}

/** One line, bounded, that cannot move a terminal's cursor: parts of it come from hosts and servers. */
function clean(text: string): string {
  const line = text
    .trim()
    .replace(/\s*\n\s*/g, " / ")
    .replace(controls, "?");
  return line.length <= maxTextLength ? line : `${line.slice(0, maxTextLength)}...`;
}
