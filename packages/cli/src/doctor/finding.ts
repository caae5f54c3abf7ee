import { exitCodes, isLifeboatError, messageOf } from "@lifeboat/model";
import type { Session } from "../session/session.ts";

/** One thing that was looked at. `next` says what to do about it. */
export interface Finding {
  readonly level: "ok" | "warning" | "bad";
  /** "host web1", "repository main". */
  readonly about: string;
  readonly text: string;
  readonly next?: string;
}

const marks = { ok: "✓", warning: "!", bad: "✗" } as const;

export async function showFindings(session: Session, findings: AsyncIterable<Finding>): Promise<number> {
  const counts = { ok: 0, warning: 0, bad: 0 };
  for await (const finding of findings) {
    counts[finding.level]++;
    session.output.status(undefined);
    if (session.json) await session.answer({ message_type: "finding", ...finding });
    else if (!session.quiet || finding.level !== "ok") await session.output.line(lineOf(finding));
    session.signal.throwIfAborted();
  }
  if (session.json) await session.answer({ message_type: "summary", ...counts });
  else
    session.say(
      counts.bad + counts.warning === 0
        ? "all is well"
        : `${counts.bad} to mend, ${counts.warning} to look at, ${counts.ok} well`,
    );
  return counts.bad > 0 ? exitCodes.failed : exitCodes.passed;
}

function lineOf({ level, about, text, next }: Finding): string {
  return `${marks[level]} ${about}: ${text}${next === undefined ? "" : `  -> ${next}`}`;
}

export function failure(about: string, error: unknown): Finding {
  const hint = isLifeboatError(error) ? error.hint : undefined;
  return { level: "bad", about, text: messageOf(error), ...(hint !== undefined && { next: hint }) };
}
