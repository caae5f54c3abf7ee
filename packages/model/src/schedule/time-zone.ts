const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timezone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timezone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(timezone, formatter);
  }
  return formatter;
}

/** True for an IANA zone that this runtime knows ("Europe/Berlin", "UTC"). Fixed offsets like "+02:00" are no zones. */
export function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text)) return false;
  try {
    formatterOf(text);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds that the zone's clocks are ahead of UTC at this instant. Throws a RangeError for an unknown zone. */
export function zoneOffsetMs(timezone: string, atMs: number): number {
  if (timezone === "UTC") return 0;
  let year = 0;
  let bc = false;
  const field = { month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatterOf(timezone).formatToParts(atMs)) {
    if (type === "year") year = Number(value);
    else if (type === "era") bc = value.startsWith("B");
    else if (type in field) field[type as keyof typeof field] = Number(value);
  }
  const local = new Date(0);
  local.setUTCFullYear(bc ? 1 - year : year, field.month - 1, field.day);
  local.setUTCHours(field.hour, field.minute, field.second);
  return local.getTime() - Math.floor(atMs / 1000) * 1000;
}

/**
 * RFC 3339 with the zone's own offset at that instant: "2026-11-22T03:00:00+01:00". Of the fraction what is not zero, as restic writes it.
 * UTC prints "+00:00": the offset is always there, because daily retention reads it.
 */
export function formatWithOffset(atMs: number, timezone: string): string {
  const offsetMinutes = Math.round(zoneOffsetMs(timezone, atMs) / 60_000);
  const local = new Date(atMs + offsetMinutes * 60_000).toISOString();
  const size = Math.abs(offsetMinutes);
  const two = (value: number) => value.toString().padStart(2, "0");
  const fraction = local.slice(19, 23).replace(/\.?0+$/, "");
  return `${local.slice(0, 19)}${fraction}${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
