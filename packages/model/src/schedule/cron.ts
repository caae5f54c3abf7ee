import { CronPattern } from "croner";

/** A five-field cron expression as sets. */
export interface ParsedCron {
  /** Minutes of the day, 0..1439, ascending. */
  readonly minutesOfDay: readonly number[];
  // `*` and `*/n` hours: they follow elapsed time through clock changes; fixed hours run once.
  readonly wildHours: boolean;
  /** `month` 1..12, `day` 1..31, `weekday` 0 = Sunday. */
  matchesDay(month: number, day: number, weekday: number): boolean;
}

const names = /\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)\b/gi;
const longestMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** croner reads the fields; its extras (seconds, nicknames, L, W, #, ?) are refused, so that cron means what crontab(5) says. */
export function parseCron(expression: string): { readonly cron: ParsedCron } | { readonly problem: string } {
  const fields = expression.trim().split(/\s+/);
  if (expression.length > 200 || fields.length !== 5) {
    return { problem: `cron needs five fields (minute hour day month weekday), this has ${fields.length}` };
  }
  const [, hourField = "", dayField = "", , weekdayField = ""] = fields;
  for (const field of fields) {
    if (!/^[0-9*,/-]+$/.test(field.replace(names, "1"))) return { problem: `cron field "${field}" is not understood` };
  }
  if (dayField !== "*" && weekdayField !== "*") {
    return { problem: "day of month and day of week together mean either of them in cron; use two policies" };
  }
  let pattern: CronPattern;
  try {
    pattern = new CronPattern(fields.join(" "), undefined, { mode: "5-part" });
  } catch (error) {
    return { problem: `cron "${expression}" is not understood (${error instanceof Error ? error.message : String(error)})` };
  }
  const minutesOfDay: number[] = [];
  for (let hour = 0; hour < 24; hour++) {
    if (!pattern.hour[hour]) continue;
    for (let minute = 0; minute < 60; minute++) if (pattern.minute[minute]) minutesOfDay.push(hour * 60 + minute);
  }
  const comes = longestMonth.some((days, month) => pattern.month[month] && pattern.day.slice(0, days).some(Boolean));
  if (minutesOfDay.length === 0 || !comes) return { problem: `cron "${expression}" never comes` };
  const { month: months, day: days, dayOfWeek: weekdays } = pattern;
  return {
    cron: {
      minutesOfDay,
      wildHours: hourField.startsWith("*") || pattern.hour.every(Boolean),
      matchesDay: (month, day, weekday) => Boolean(months[month - 1]) && Boolean(days[day - 1]) && Boolean(weekdays[weekday]),
    },
  };
}
