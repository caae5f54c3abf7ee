/** What a host said of itself, as a run's record keeps it. What it did not say is absent. */
export interface HostFacts {
  /** "Debian GNU/Linux 12 (bookworm)". */
  readonly system?: string;
  /** "Linux 6.1.0-26-amd64 x86_64". */
  readonly kernel?: string;
  /** First line of each program's own version. */
  readonly find?: string;
  readonly tar?: string;
  /** Programs that may be run as root without a password; present where sudo is asked for. */
  readonly sudo?: readonly string[];
  /** How far its clock is ahead of ours (behind: negative), in milliseconds, and how exactly that is known. */
  readonly clock_skew_ms?: number;
  readonly clock_skew_within_ms?: number;
}

/** More than this is worth a word: changes of files are told by the host's clock, and so are ages of snapshots by ours. */
const maxSkewMs = 1000;

/** "its clock is 3.2 s behind"; undefined while nobody need care. */
export function skewWarning({ clock_skew_ms: skew = 0, clock_skew_within_ms: within = 0 }: HostFacts): string | undefined {
  return Math.abs(skew) - within > maxSkewMs ? describeSkew(skew) : undefined;
}

export function describeSkew(skewMs: number): string {
  return `its clock is ${Math.abs(skewMs / 1000).toFixed(1)} s ${skewMs >= 0 ? "ahead" : "behind"}`;
}
