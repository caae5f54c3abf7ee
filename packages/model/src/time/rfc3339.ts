/**
 * Times of files: RFC 3339 in UTC with `Z`, up to nine fraction digits, trailing zeros trimmed, no fraction when zero.
 * That is the only form that restic re-encodes to the same bytes (repository-format, trees). Dates have milliseconds
 * only, so nanoseconds never pass through one.
 */
export type Rfc3339Nanos = string & { readonly __rfc3339: true };

const secondsMin = -62167219200; // 0000-01-01T00:00:00Z
const secondsMax = 253402300799; // 9999-12-31T23:59:59Z
const secondsOfDay = 86_400;
const twoDigits = Array.from({ length: 60 }, (_, number) => `${number}`.padStart(2, "0"));
let lastSeconds = Number.NaN;
let lastText = "";
/** "2026-11-22T" by day since 1970: dates of JavaScript take a microsecond, and there are two a file. */
const dates = new Map<number, string>();
const maxDates = 10_000;

/** `seconds` since 1970 (may be negative), `nanos` 0..999999999. Years outside 0000-9999 are clamped, as restic does. */
export function rfc3339FromEpoch(seconds: number, nanos: number): Rfc3339Nanos {
  const clamped = Math.min(Math.max(Math.floor(seconds), secondsMin), secondsMax);
  if (clamped !== lastSeconds) {
    lastSeconds = clamped;
    const day = Math.floor(clamped / secondsOfDay);
    let date = dates.get(day);
    if (date === undefined) {
      if (dates.size >= maxDates) dates.clear();
      date = new Date(day * secondsOfDay * 1000).toISOString().slice(0, 11);
      dates.set(day, date);
    }
    const rest = clamped - day * secondsOfDay;
    const minutes = Math.floor(rest / 60);
    lastText = `${date}${twoDigits[Math.floor(minutes / 60)]}:${twoDigits[minutes % 60]}:${twoDigits[rest % 60]}`;
  }
  if (nanos === 0) return `${lastText}Z` as Rfc3339Nanos;
  let end = 9;
  const digits = nanos.toString().padStart(9, "0");
  while (digits.charCodeAt(end - 1) === 48) end--;
  return `${lastText}.${digits.slice(0, end)}Z` as Rfc3339Nanos;
}

/** Milliseconds since 1970, what clocks tell, in the same form: `Date.toISOString` keeps trailing zeros, which restic would not write. */
export function rfc3339FromMilliseconds(milliseconds: number): Rfc3339Nanos {
  const seconds = Math.floor(milliseconds / 1000);
  return rfc3339FromEpoch(seconds, Math.floor(milliseconds - seconds * 1000) * 1_000_000);
}

const pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Reads any RFC 3339 time, with any offset; undefined when it is none. */
export function epochFromRfc3339(text: string): { seconds: number; nanos: number } | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const millis = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(millis)) return undefined;
  return { seconds: millis / 1000, nanos: Number((match[2] ?? "").padEnd(9, "0")) };
}
