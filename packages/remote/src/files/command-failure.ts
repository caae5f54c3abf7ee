import { LifeboatError } from "@lifeboat/model";

/** What the end of a program means when it is not the end that was hoped for. */
export function commandFailure(program: string, place: string, status: number | null, stderr: string): LifeboatError {
  const words = stderr.trim().slice(0, 600);
  const context = { program, status };
  if (/^sudo: /m.test(stderr)) {
    return new LifeboatError("sudo-refused", `sudo refused ${program} on ${place}: ${words}`, { context });
  }
  if (status === 127) return new LifeboatError("command-missing", `${program} is not there on ${place}`, { context });
  const ending = status === null ? "was stopped" : `ended with status ${status}`;
  return new LifeboatError("command-failed", `${program} on ${place} ${ending}: ${words || "without a word"}`, { context });
}
