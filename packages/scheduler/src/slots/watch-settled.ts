import type { RunRow } from "@lifeboat/catalog";

/** For what needs time alone, and for a run that came and went between two rounds. */
const lookEveryRounds = 30;

/** When to ask what follows: that is a question for each asset, and a round comes each second. */
export interface SettledWatch {
  /** True when a run has been settled since the last round, after some rounds anyway, and until `done` was called for it. */
  isDue(open: readonly RunRow[]): boolean;
  done(): void;
}

export function createSettledWatch(): SettledWatch {
  let openBefore: readonly string[] = [];
  let rounds = 0;
  let isDue = true;
  return {
    isDue(open) {
      const ids = new Set(open.map(({ id }) => id));
      if (openBefore.some((id) => !ids.has(id)) || ++rounds >= lookEveryRounds) isDue = true;
      openBefore = [...ids];
      return isDue;
    },
    done() {
      rounds = 0;
      isDue = false;
    },
  };
}
