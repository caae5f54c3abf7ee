/** restic's duration: by the calendar, so that a month is a month. */
export interface CalendarSpan {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** "2y5m7d3h" as restic writes it, m = months; undefined when it is none. */
export function parseCalendarSpan(text: string): CalendarSpan | undefined {
  const match = /^(?=.)(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?$/.exec(text);
  if (match === null) return undefined;
  const [years, months, days, hours] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number];
  return { years, months, days, hours };
}

export function isEmptySpan({ years, months, days, hours }: CalendarSpan): boolean {
  return years + months + days + hours === 0;
}

export function describeSpan({ years, months, days, hours }: CalendarSpan): string {
  const parts = [years && `${years}y`, months && `${months}m`, days && `${days}d`, hours && `${hours}h`];
  return parts.filter(Boolean).join("");
}

/** First the calendar (31 March minus a month is the "31st of February", 3 March), then the hours: as restic does. */
export function subtractSpan(localMs: number, { years, months, days, hours }: CalendarSpan): number {
  const date = new Date(localMs);
  date.setUTCFullYear(date.getUTCFullYear() - years, date.getUTCMonth() - months, date.getUTCDate() - days);
  return date.getTime() - hours * 3_600_000;
}
