import type { RunningCommand } from "../machine/machine.ts";

/** What stands at a restore's target before it begins. */
export interface TargetState {
  readonly exists: boolean;
  readonly empty: boolean;
  readonly freeBytes: number;
  /** True when owners and devices can be set there. */
  readonly root: boolean;
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
}
