import { isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/**
 * Does the work for one repository after the other. One that fails does not keep the rest from theirs: its error is thrown at the end, and
 * says what became of the others. A stop ends it at once. `work` gives what it has done, in words.
 */
export async function forEachRepository(
  { logger, signal }: Pick<JobContext, "logger" | "signal">,
  names: readonly string[],
  work: (name: string) => Promise<string>,
): Promise<void> {
  const failures: { readonly name: string; readonly error: unknown }[] = [];
  const done: string[] = [];
  for (const name of names) {
    signal.throwIfAborted();
    try {
      done.push(`${name}: ${await work(name)}`);
    } catch (error) {
      if (signal.aborted || names.length === 1) throw error;
      failures.push({ name, error });
      logger.warn({ repository: name, cause: messageOf(error) }, "it failed in this repository, the others get theirs");
    }
  }
  const [first, ...further] = failures;
  if (first === undefined) return;
  const { name, error } = first;
  if (!isLifeboatError(error)) throw error;
  const others = [...further.map((each) => `${each.name}: ${messageOf(each.error)}`), ...done];
  const { code, message, hint, context, retry } = error;
  throw new LifeboatError(code, `${name}: ${message} (${others.join("; ")})`, {
    ...(hint !== undefined && { hint }),
    context,
    retry,
    cause: error,
  });
}
