import { formatWithOffset } from "../schedule/time-zone.ts";
import type { AssetProtection, ProtectionCounts, ProtectionLevel, ProtectionState, SchedulerLife } from "./protection.ts";

export interface VerdictFacts {
  readonly nowMs: number;
  readonly timezone: string;
  readonly scheduler: SchedulerLife;
  readonly counts: ProtectionCounts;
  readonly assets: readonly AssetProtection[];
}

/** The one sentence. With a silent scheduler nobody knows, so nothing else is said. */
export function verdictSentence(facts: VerdictFacts): { readonly level: ProtectionLevel; readonly sentence: string } {
  const { scheduler, assets, counts } = facts;
  if (scheduler.state === "silent") return { level: "unknown", sentence: silentSentence(facts) };
  const total = assets.length;
  if (total === 0) return { level: "unknown", sentence: "Nothing is protected: the configuration names no asset." };
  const of = (part: number) => `${part} of ${total} ${total === 1 ? "asset" : "assets"}`;
  const failing = reasons(assets);
  if (failing.length > 0) {
    const [first = "", ...more] = failing.map(([count, words], index) => `${index === 0 ? of(count) : count} ${words(count)}`);
    const level = assets.some((asset) => asset.level === "bad")
      ? "bad"
      : assets.some((asset) => asset.level === "warning")
        ? "warning"
        : "unknown";
    return { level, sentence: `Not fully protected: ${[first, ...more].reduce(joinWords)}.` };
  }
  const proven = counts.proven.of === 0 ? "" : `, ${counts.proven.good} of ${counts.proven.of} proven by a restore`;
  const sites =
    counts.secondSite.of === 0 ? "" : `, ${counts.secondSite.good} of ${counts.secondSite.of} at a second site in time`;
  const within = `${counts.withinRpo.good} of ${counts.withinRpo.of} recoverable to within RPO`;
  return { level: "good", sentence: `Protected: ${within}${sites}${proven}.` };
}

type Reason = readonly [count: number, words: (count: number) => string];

/** Worst first; each asset is counted in one of them, by its state. */
function reasons(assets: readonly AssetProtection[]): Reason[] {
  const be = (count: number) => (count === 1 ? "is" : "are");
  const have = (count: number) => (count === 1 ? "has" : "have");
  const was = (count: number) => (count === 1 ? "was" : "were");
  const phrases: readonly (readonly [state: ProtectionState, words: (count: number) => string])[] = [
    ["NO COPY", (count) => `${have(count)} no usable copy`],
    ["DAMAGED", (count) => `${have(count)} copies in a damaged repository`],
    ["LATE", (count) => `${be(count)} beyond ${count === 1 ? "its" : "their"} RPO`],
    ["SECOND SITE LATE", (count) => `${be(count)} late at the second site`],
    ["NOT CHECKED", (count) => `${be(count)} in a repository that was not checked in time`],
    ["UNPROVEN", (count) => `${was(count)} not proven by a restore in time`],
    ["TOO SLOW", (count) => `took longer to restore than ${count === 1 ? "its" : "their"} RTO`],
    ["NEW", (count) => `${be(count)} new and not backed up yet`],
    ["UNKNOWN", (count) => `${be(count)} unknown`],
    ["NO OBJECTIVE", (count) => `${have(count)} no objective to be judged by`],
  ];
  return phrases
    .map(([state, words]): Reason => [assets.filter((asset) => asset.state === state).length, words])
    .filter(([count]) => count > 0);
}

function joinWords(text: string, next: string, index: number, all: string[]): string {
  return index === all.length - 1 ? `${text} and ${next}` : `${text}, ${next}`;
}

function silentSentence({ nowMs, timezone, scheduler: { lastBeatMs } }: VerdictFacts): string {
  if (lastBeatMs === null) return "Unknown: no scheduler has ever reported here.";
  if (lastBeatMs > nowMs) return "Unknown: the scheduler's last report is dated in the future, so a clock is wrong.";
  const since = formatWithOffset(lastBeatMs, timezone);
  const day = since.slice(0, 10);
  const time = since.slice(11, 16);
  const today = formatWithOffset(nowMs, timezone).slice(0, 10) === day;
  return `Unknown since ${today ? time : `${day} ${time}`}: the scheduler has not reported since then.`;
}
