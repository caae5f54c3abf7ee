import { formatDuration, formatWithOffset } from "@lifeboat/model";

/** "2026-11-21 09:14 CET": a time is never shown without its zone. */
export function formatMoment(atMs: number, timezone: string, seconds = false): string {
  return `${formatLocal(atMs, timezone, seconds)} ${zoneName(atMs, timezone)}`;
}

/** "2026-11-21 09:14", for columns whose head names the zone. */
export function formatLocal(atMs: number, timezone: string, seconds = false): string {
  return formatWithOffset(atMs, timezone)
    .slice(0, seconds ? 19 : 16)
    .replace("T", " ");
}

/** "CET", "UTC", else "GMT+5:30". */
export function zoneName(atMs: number, timezone: string): string {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, timeZoneName: "short" }).formatToParts(atMs);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? timezone;
}

/** "34h 58m"; a moment in the future says so. */
export function formatAge(nowMs: number, thenMs: number): string {
  const seconds = Math.round((nowMs - thenMs) / 1000);
  return seconds < 0 ? `in ${formatDuration(-seconds)}` : formatDuration(seconds);
}

/** Parts of a second matter only in short spans. */
export function formatSpan(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)}s` : formatDuration(seconds);
}
