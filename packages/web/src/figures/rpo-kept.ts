/** One asset's settled backups: when each stood for (`startedMs`) and when it was there to be used (`endedMs`). */
export interface BackupTimes {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly isGood: boolean;
}

export interface TimeKept {
  readonly keptMs: number;
  readonly ofMs: number;
}

/**
 * How much of [fromMs, toMs] had a usable copy not older than the objective. Before the first run on record nothing was
 * promised, so nothing is counted. `backups` in any order; the last good one before `fromMs` should be among them.
 */
export function measureRpoKept(backups: readonly BackupTimes[], rpoSeconds: number, fromMs: number, toMs: number): TimeKept {
  const firstMs = backups.reduce((first, backup) => Math.min(first, backup.startedMs), Number.POSITIVE_INFINITY);
  const startMs = Math.max(fromMs, firstMs);
  if (!(toMs > startMs)) return { keptMs: 0, ofMs: 0 };
  const good = backups.filter((backup) => backup.isGood).sort((a, b) => a.endedMs - b.endedMs);
  let keptMs = 0;
  // Kept until here already: stretches may overlap, since each copy is good from its end to its age limit.
  let countedToMs = startMs;
  for (const { startedMs, endedMs } of good) {
    const from = Math.max(endedMs, countedToMs);
    const to = Math.min(startedMs + rpoSeconds * 1000, toMs);
    if (to <= from) continue;
    keptMs += to - from;
    countedToMs = to;
  }
  return { keptMs, ofMs: toMs - startMs };
}
