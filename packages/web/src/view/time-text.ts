import { type Html, html } from "../html/html.ts";
import { formatRoundAge } from "./format.ts";

/** How one page tells times: the company's zone, and relative to the moment it was made. */
export interface PageTime {
  readonly nowMs: number;
  readonly timezone: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** "Sat 21 Nov 2026 09:14 CET"; with seconds where they matter. */
export function absoluteTime(atMs: number, timezone: string, options: { readonly seconds?: boolean } = {}): string {
  const withSeconds = options.seconds === true;
  const key = `${timezone} ${withSeconds}`;
  let formatter = formatters.get(key);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-GB", {
      timeZone: timezone,
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      ...(withSeconds ? { second: "2-digit" } : {}),
      hourCycle: "h23",
      timeZoneName: "short",
    });
    formatters.set(key, formatter);
  }
  if (!Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return "an unreadable time";
  const parts = new Map(formatter.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const time = [parts.get("hour"), parts.get("minute"), ...(withSeconds ? [parts.get("second")] : [])].join(":");
  return `${parts.get("weekday")} ${parts.get("day")} ${parts.get("month")} ${parts.get("year")} ${time} ${parts.get("timeZoneName")}`;
}

/** "7m ago", "in 23m". */
export function relativeTime(atMs: number, nowMs: number): string {
  const seconds = (nowMs - atMs) / 1000;
  return seconds >= 0 ? `${formatRoundAge(seconds)} ago` : `in ${formatRoundAge(-seconds)}`;
}

/** Absolute with zone, relative in brackets. */
export function timeText(atMs: number, { nowMs, timezone }: PageTime, options: { readonly seconds?: boolean } = {}): Html {
  if (!Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return html`an unreadable time`;
  const iso = new Date(atMs).toISOString();
  return html`<time datetime="${iso}">${absoluteTime(atMs, timezone, options)}</time> <span class="rel">(${relativeTime(atMs, nowMs)})</span>`;
}
