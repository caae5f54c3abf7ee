/** Environment variables as a value: what a program was started with, or what a test wants. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy, so that nothing changes under a running program. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
