import type { CompiledRetention } from "../config/compiled-config.ts";
import { LifeboatError } from "../errors/lifeboat-error.ts";
import { epochFromRfc3339 } from "../time/rfc3339.ts";

export interface RetentionCandidate {
  readonly id: string;
  /** RFC 3339 as stored in the snapshot: its own offset decides which day it belongs to. */
  readonly time: string;
}

export interface RetentionChoice<T extends RetentionCandidate> {
  /** Newest first, each with restic's words for why: "daily snapshot", "oldest weekly snapshot", "within 7d". */
  readonly keep: readonly { readonly snapshot: T; readonly reasons: readonly string[] }[];
  /** Newest first. */
  readonly remove: readonly T[];
}

interface Dated<T> {
  readonly snapshot: T;
  readonly epochMs: number;
  readonly nanos: number;
  /** Wall clock of the stored offset, as if it were UTC. */
  readonly local: Date;
}

type BucketOf = (local: Date, number: number) => number;

const ymd = (local: Date) => local.getUTCFullYear() * 10_000 + (local.getUTCMonth() + 1) * 100 + local.getUTCDate();
const buckets: readonly (readonly [Exclude<keyof CompiledRetention, "withinSeconds">, BucketOf])[] = [
  ["last", (_, number) => number],
  ["hourly", (local) => ymd(local) * 100 + local.getUTCHours()],
  ["daily", ymd],
  ["weekly", isoWeek],
  ["monthly", (local) => Math.floor(ymd(local) / 100)],
  ["yearly", (local) => local.getUTCFullYear()],
];

/**
 * Which of one asset's snapshots stay: restic's `forget` policy with the same counters, the same order and the same words
 * (repository-format, forget), so that `restic forget` with the same numbers keeps the same ones. Counts: 0 = off, -1 = all.
 * Throws `config-invalid` for a rule that keeps nothing, and `repository-damaged` for a time that cannot be read: what is
 * not understood is never removed.
 */
export function selectRetention<T extends RetentionCandidate>(
  snapshots: readonly T[],
  retention: CompiledRetention,
  nowMs: number,
): RetentionChoice<T> {
  if (retention.withinSeconds <= 0 && buckets.every(([name]) => retention[name] === 0)) {
    throw new LifeboatError("config-invalid", "the retention rule keeps nothing, so nothing is removed", {
      hint: "Set at least one of last, hourly, daily, weekly, monthly, yearly or within.",
    });
  }
  const dated = snapshots.map(readTime).sort((left, right) => right.epochMs - left.epochMs || right.nanos - left.nanos);
  // A snapshot dated in the future must not make the others look old.
  const newest = dated.find((one) => one.epochMs < nowMs);
  const left = new Map(buckets.map(([name]) => [name, { count: retention[name], bucket: -1 }]));
  const keep: { snapshot: T; reasons: string[] }[] = [];
  const remove: T[] = [];
  dated.forEach((one, number) => {
    const reasons: string[] = [];
    if (retention.withinSeconds > 0 && (newest === undefined || isYoungerThan(one, newest, retention.withinSeconds))) {
      reasons.push(`within ${durationText(retention.withinSeconds)}`);
    }
    for (const [name, bucketOf] of buckets) {
      const counter = left.get(name)!;
      if (counter.count === 0) continue;
      const bucket = bucketOf(one.local, number);
      const isNew = bucket !== counter.bucket;
      // The oldest stays while counts are left, so that history grows to its full length.
      if (!isNew && number !== dated.length - 1) continue;
      reasons.push(`${isNew ? "" : "oldest "}${name} snapshot`);
      counter.bucket = bucket;
      if (counter.count > 0) counter.count--;
    }
    if (reasons.length > 0) keep.push({ snapshot: one.snapshot, reasons });
    else remove.push(one.snapshot);
  });
  return { keep, remove };
}

function readTime<T extends RetentionCandidate>(snapshot: T): Dated<T> {
  const epoch = epochFromRfc3339(snapshot.time);
  if (epoch === undefined) {
    throw new LifeboatError("repository-damaged", `snapshot ${snapshot.id} has the unreadable time "${snapshot.time}"`);
  }
  const epochMs = epoch.seconds * 1000 + Math.floor(epoch.nanos / 1_000_000);
  const offset = /([+-])(\d\d):(\d\d)$/.exec(snapshot.time);
  const minutes = offset === null ? 0 : (offset[1] === "-" ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3]));
  return { snapshot, epochMs, nanos: epoch.nanos, local: new Date(epochMs + minutes * 60_000) };
}

function isYoungerThan<T>(one: Dated<T>, newest: Dated<T>, seconds: number): boolean {
  const limitMs = newest.epochMs - seconds * 1000;
  return one.epochMs > limitMs || (one.epochMs === limitMs && one.nanos % 1_000_000 > newest.nanos % 1_000_000);
}

/** ISO year and week: Thursday decides the year. */
function isoWeek(local: Date): number {
  const thursday = new Date(Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  return year * 100 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * 86_400_000)) + 1;
}

function durationText(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.round((seconds % 86_400) / 3600);
  return days === 0 ? `${hours}h` : hours === 0 ? `${days}d` : `${days}d${hours}h`;
}
