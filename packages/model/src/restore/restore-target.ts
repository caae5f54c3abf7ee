import type { ByteString } from "../bytes/byte-string.ts";
import type { LifeboatError } from "../errors/lifeboat-error.ts";
import type { RunningCommand } from "../machine/machine.ts";

/** What stands at a restore's target before it begins. */
export interface TargetState {
  readonly exists: boolean;
  readonly empty: boolean;
  readonly freeBytes: number;
  /** True when owners and devices can be set there. */
  readonly root: boolean;
}

/** What the end of an extraction means. */
export interface ExtractOutcome {
  /** Set when the extraction as a whole failed: no space, no rights for the folder, no tar. */
  readonly failure: LifeboatError | undefined;
  /** What could not be created or set, by path in the stream. */
  readonly problems: readonly { readonly path: ByteString; readonly message: string }[];
}

/** A folder on a machine into which a tar stream is extracted. */
export interface RestoreTarget {
  /** For people: "/srv/restore on web1". */
  readonly name: string;
  state(signal: AbortSignal): Promise<TargetState>;
  /**
   * Creates the folder where it is missing and starts one `tar --extract` in it that reads stdin.
   * Several may run at once on different parts. What tar could not set stands on its stderr.
   */
  extract(signal: AbortSignal): Promise<RunningCommand>;
  /** Reads the end of what `extract` started. */
  judge(status: number | null, stderr: string): ExtractOutcome;
}
