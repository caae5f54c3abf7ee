import { epochFromRfc3339, zoneOffsetMs } from "@lifeboat/model";

/** Which of several snapshots is meant. Instants are milliseconds since 1970. */
export type When =
  | { readonly kind: "latest" }
  | { readonly kind: "id"; readonly prefix: string }
  /** The last one in [fromMs, toMs): a date. */
  | { readonly kind: "within"; readonly fromMs: number; readonly toMs: number }
  /** The last one before this instant, or at it with `orAt`: the state as it was then. */
  | { readonly kind: "before"; readonly ms: number; readonly orAt: boolean };

const unitMs: Record<string, number> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };
const localPattern = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?$/;

/**
 * Reads `latest`, an id's first four digits or more, `2026-11-20`, `2026-11-20 14:00` (the state at that time), `3d` (the state
 * three days ago; also h and w), RFC 3339, and `before` one of the times. Dates and times are those of the time zone's clocks.
 * Something like `100d` is a duration, not an id. undefined when it is none of these.
 */
export function parseWhen(text: string, options: { readonly now: number; readonly timezone: string }): When | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "latest") return { kind: "latest" };
  const before = /^before\s+(.+)$/.exec(trimmed);
  const instant = parseInstant(before?.[1] ?? trimmed, options);
  if (before !== null) return instant && { kind: "before", ms: instant.fromMs, orAt: false };
  if (instant !== undefined) {
    if (instant.toMs !== undefined) return { kind: "within", fromMs: instant.fromMs, toMs: instant.toMs };
    return { kind: "before", ms: instant.fromMs, orAt: true };
  }
  return /^[0-9a-f]{4,64}$/i.test(trimmed) ? { kind: "id", prefix: trimmed.toLowerCase() } : undefined;
}

/** `toMs` for a whole day. */
function parseInstant(
  text: string,
  { now, timezone }: { readonly now: number; readonly timezone: string },
): { fromMs: number; toMs?: number } | undefined {
  const duration = /^(\d{1,3})([hdw])$/.exec(text);
  if (duration !== null) return { fromMs: now - Number(duration[1]) * unitMs[duration[2]!]! };
  const epoch = epochFromRfc3339(text);
  if (epoch !== undefined) return { fromMs: epoch.seconds * 1000 + epoch.nanos / 1_000_000 };
  const local = localPattern.exec(text);
  if (local === null) return undefined;
  const [year, month, day, hour = 0, minute = 0, second = 0] = local
    .slice(1)
    .map((part) => (part === undefined ? undefined : Number(part)));
  const wall = Date.UTC(year!, month! - 1, day, hour, minute, second);
  // 2026-02-31 is no date.
  if (new Date(wall).getUTCMonth() !== month! - 1 || new Date(wall).getUTCDate() !== day || minute > 59 || second > 59)
    return undefined;
  const fromMs = instantOf(wall, timezone);
  if (local[4] !== undefined) return { fromMs };
  return { fromMs, toMs: instantOf(Date.UTC(year!, month! - 1, day! + 1), timezone) };
}

/** The instant at which the zone's clocks show `wall` (as if it were UTC); one that they skip is taken after the jump. */
function instantOf(wall: number, timezone: string): number {
  const first = wall - zoneOffsetMs(timezone, wall);
  return wall - zoneOffsetMs(timezone, first);
}
