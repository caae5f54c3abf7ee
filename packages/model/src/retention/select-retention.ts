import type { CompiledRetention } from "../config/compiled-config.ts";
import { LifeboatError } from "../errors/lifeboat-error.ts";
import { epochFromRfc3339 } from "../time/rfc3339.ts";
import { type CalendarSpan, describeSpan, isEmptySpan, subtractSpan } from "./calendar-span.ts";
import { isPinned } from "./pin.ts";

export interface RetentionCandidate {
  readonly id: string;
  /** RFC 3339 as stored in the snapshot: its own offset decides which day it belongs to. */
  readonly time: string;
  /** A pinned one stays, whatever the rule says. */
  readonly tags?: readonly string[] | undefined;
}

/** All of restic's `--keep-...` options: what the configuration has, and what a person may ask for besides. */
export interface RetentionRule extends CompiledRetention {
  /** Like `withinSeconds`, by the calendar. */
  readonly within?: CalendarSpan | undefined;
  /** One for each hour, day, ... and only of the time before the newest one; no limit in number. */
  readonly withinEach?: Readonly<Partial<Record<WithinBucket, CalendarSpan>>> | undefined;
  /** Snapshots that have all tags of one of these lists stay. [""] is for those without tags. */
  readonly keepTags?: readonly (readonly string[])[] | undefined;
}

export type WithinBucket = Exclude<BucketName, "last">;
type BucketName = Exclude<keyof CompiledRetention, "withinSeconds">;

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
  readonly offsetMs: number;
}

type BucketOf = (local: Date, number: number) => number;

const ymd = (local: Date) => local.getUTCFullYear() * 10_000 + (local.getUTCMonth() + 1) * 100 + local.getUTCDate();
const buckets: readonly (readonly [BucketName, BucketOf])[] = [
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
  retention: RetentionRule,
  nowMs: number,
): RetentionChoice<T> {
  if (keepsNothing(retention)) {
    throw new LifeboatError("config-invalid", "the retention rule keeps nothing, so nothing is removed", {
      hint: "Set at least one of last, hourly, daily, weekly, monthly, yearly or within.",
    });
  }
  const dated = snapshots.map(readTime).sort((left, right) => right.epochMs - left.epochMs || right.nanos - left.nanos);
  // A snapshot dated in the future must not make the others look old.
  const newest = dated.find((one) => one.epochMs < nowMs);
  const left = new Map(buckets.map(([name]) => [name, { count: retention[name], bucket: -1 }]));
  const lastWithin = new Map<BucketName, number>();
  const { keepTags = [], withinEach = {} } = retention;
  const keep: { snapshot: T; reasons: string[] }[] = [];
  const remove: T[] = [];
  dated.forEach((one, number) => {
    const reasons: string[] = [];
    const tags = one.snapshot.tags ?? [];
    if (isPinned(one.snapshot)) reasons.push("pinned");
    for (const list of keepTags) if (hasTags(tags, list)) reasons.push(`has tags [${list.join(", ")}]`);
    if (retention.withinSeconds > 0 && (newest === undefined || isYoungerThan(one, newest, retention.withinSeconds))) {
      reasons.push(`within ${durationText(retention.withinSeconds)}`);
    }
    if (isWithin(one, newest, retention.within)) reasons.push(`within ${describeSpan(retention.within!)}`);
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
    for (const [name, bucketOf] of buckets) {
      const span = name === "last" ? undefined : withinEach[name];
      if (!isWithin(one, newest, span)) continue;
      const bucket = bucketOf(one.local, number);
      if (bucket === lastWithin.get(name) && number !== dated.length - 1) continue;
      lastWithin.set(name, bucket);
      reasons.push(`${name} within ${describeSpan(span!)}`);
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
  const offsetMs = minutes * 60_000;
  return { snapshot, epochMs, nanos: epoch.nanos, local: new Date(epochMs + offsetMs), offsetMs };
}

function keepsNothing({ withinSeconds, within, withinEach = {}, keepTags = [], ...counts }: RetentionRule): boolean {
  const spans = [within, ...Object.values(withinEach)];
  const hasSpan = spans.some((span) => span !== undefined && !isEmptySpan(span));
  return withinSeconds <= 0 && !hasSpan && keepTags.length === 0 && buckets.every(([name]) => counts[name] === 0);
}

function hasTags(tags: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.length === 1 && wanted[0] === "") return tags.length === 0;
  return wanted.every((tag) => tags.includes(tag));
}

function isWithin<T>(one: Dated<T>, newest: Dated<T> | undefined, span: CalendarSpan | undefined): boolean {
  if (span === undefined || isEmptySpan(span)) return false;
  if (newest === undefined) return true;
  const limitMs = subtractSpan(newest.local.getTime(), span) - newest.offsetMs;
  return one.epochMs > limitMs || (one.epochMs === limitMs && one.nanos % 1_000_000 > newest.nanos % 1_000_000);
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
