import type { RunRow } from "@lifeboat/catalog";

/** A worker beats every five seconds, so this is three beats; a round is a second or longer. */
const silentRounds = 15;

/** Of the runs whose heartbeat looks old now, those whose heartbeat has not moved in the last rounds either. */
export type SilenceWatch = (looksSilent: readonly RunRow[]) => RunRow[];

/**
 * How old a heartbeat is, only the wall clock says, and that is wrong when it was set or the machine slept: then each run at work looks
 * silent until its worker beats the next time. So a run is lost only when its heartbeat stays as it is for some rounds more. Rounds pass as
 * the workers' time does, whatever the clock shows. A scheduler that is started counts from its start.
 */
export function createSilenceWatch(): SilenceWatch {
  let seen = new Map<string, number>();
  return (looksSilent) => {
    const keyOf = ({ id, attempt, heartbeatMs }: RunRow) => `${id} ${attempt} ${heartbeatMs}`;
    seen = new Map(looksSilent.map((run) => [keyOf(run), (seen.get(keyOf(run)) ?? 0) + 1]));
    return looksSilent.filter((run) => seen.get(keyOf(run))! >= silentRounds);
  };
}
