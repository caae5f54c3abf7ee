/** What a check found. `inconclusive` is no answer: never green, and never the "no" that a control wants to see. */
export interface CheckOutcome {
  readonly verdict: "passed" | "failed" | "inconclusive";
  readonly wanted: string;
  readonly found: string;
  /** Why, in one line, when not passed. */
  readonly detail: string;
  /** First 4 KiB of what a program said. */
  readonly output?: string;
  /** False when the "no" is that nothing answered at all: bad for a service, but it proves nothing in a control. */
  readonly answered?: boolean;
  /** Age of the newest data inside, freshness only. */
  readonly dataAgeSeconds?: number;
}

export const maxOutputBytes = 4096;

export function passed(wanted: string, found: string): CheckOutcome {
  return { verdict: "passed", wanted, found, detail: "" };
}

export function failed(wanted: string, found: string, detail: string): CheckOutcome {
  return { verdict: "failed", wanted, found, detail };
}

export function inconclusive(wanted: string, detail: string): CheckOutcome {
  return { verdict: "inconclusive", wanted, found: "no answer", detail };
}
