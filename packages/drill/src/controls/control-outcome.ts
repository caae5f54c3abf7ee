/** What the negative control of one check showed. */
export interface ControlOutcome {
  readonly kind: "auto" | "drop_table" | "run" | "none";
  /**
   * `proved`: the check said no to damaged data. `proves_nothing`: it said yes to every damage. `no_answer`: it could not be
   * tried. `none`: not wanted. `not_run`: the check itself did not pass, so there was nothing to prove.
   */
  readonly verdict: "proved" | "proves_nothing" | "no_answer" | "none" | "not_run";
  readonly reason: string;
  readonly damages: readonly TriedDamage[];
  /** Assets whose restored data this check is now known to look at. */
  readonly proves: readonly string[];
}

export interface TriedDamage {
  readonly target: string;
  readonly damage: string;
  readonly verdict: "passed" | "failed" | "inconclusive";
  readonly found: string;
}
