import type { ByteString, ExtractOutcome, TargetProblem } from "@lifeboat/model";
import { byteString, LifeboatError } from "@lifeboat/model";
import { commandFailure } from "../files/command-failure.ts";
import { parseComplaints } from "../files/complaints.ts";

/** What the end of a `RestoreTarget.extract` means. `place` is the target's name. */
export function judgeExtract(place: string, status: number | null, stderr: string): ExtractOutcome {
  const { complaints } = parseComplaints("tar", stderr);
  const problems = complaints.map(({ path, message }): TargetProblem => {
    const kind = /^Cannot (change|utime|set|fchmod|fchown)/.test(message) ? "metadata" : "missing";
    return { path: path.replace(/^\.\//, "") as ByteString, message, kind };
  });
  // This one complaint has the name as it is, without escapes: good for people, not always for a comparison.
  for (const match of stderr.matchAll(/^tar: \w+: (Cannot set '[^']*' extended attribute) for file '([\s\S]*?)': ([^\n]*)$/gm)) {
    const path = byteString((match[2] ?? "").replace(/^\.\//, ""));
    problems.push({ path, message: `${match[1]}: ${match[3]}`, kind: "metadata" });
  }
  if (status === 0) return { failure: undefined, problems };
  const words = stderr.trim().slice(0, 600);
  if (/No space left on device|Disk quota exceeded|: Wrote only \d+ of \d+ bytes?$/m.test(stderr)) {
    return { failure: new LifeboatError("target-full", `no space left at ${place}: ${words}`), problems };
  }
  if (status === 120)
    return { failure: new LifeboatError("target-failed", `cannot create or enter ${place}: ${words}`), problems };
  if (status === 1 || (status === 2 && problems.length > 0)) return { failure: undefined, problems };
  const failure = commandFailure("tar", place, status, stderr);
  if (failure.code !== "command-failed") return { failure, problems };
  return { failure: new LifeboatError("target-failed", failure.message, { cause: failure }), problems };
}
