import { zoneOffsetMs } from "./time-zone.ts";

/** Bytes in a second, each direction by itself; undefined: as fast as it goes. */
export interface Rates {
  readonly upload: number | undefined;
  readonly download: number | undefined;
}

export interface RateLimits extends Rates {
  /** The first that fits counts. */
  readonly hours: readonly LimitHours[];
  /** IANA zone of the hours. */
  readonly timezone: string;
}

export interface LimitHours {
  /** Minutes since midnight. Equal: the whole day. `toMinute` before `fromMinute`: it ends on the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** Days on which it begins, 0 = Sunday; undefined: all. */
  readonly days?: readonly number[] | undefined;
  /** 0: no limit; undefined: what holds outside of the hours. */
  readonly upload?: number | undefined;
  readonly download?: number | undefined;
}

const minuteMs = 60_000;

/** What holds at this instant. On days when clocks are turned it goes by what they show. */
export function ratesAt(limits: RateLimits, atMs: number): Rates {
  if (limits.hours.length === 0) return limits;
  const local = new Date(atMs + zoneOffsetMs(limits.timezone, atMs));
  const minute = Math.floor((local.getTime() % (24 * 60 * minuteMs)) / minuteMs);
  const hours = limits.hours.find((one) => isWithin(one, local.getUTCDay(), minute));
  if (hours === undefined) return limits;
  return { upload: choose(hours.upload, limits.upload), download: choose(hours.download, limits.download) };
}

function choose(within: number | undefined, outside: number | undefined): number | undefined {
  return within === undefined ? outside : within || undefined;
}

function isWithin({ fromMinute, toMinute, days }: LimitHours, day: number, minute: number): boolean {
  const begins = (on: number) => days === undefined || days.includes((on + 7) % 7);
  if (fromMinute < toMinute) return begins(day) && minute >= fromMinute && minute < toMinute;
  return (begins(day) && minute >= fromMinute) || (begins(day - 1) && minute < toMinute);
}
