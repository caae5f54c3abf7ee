import { z } from "zod";
import { namePattern } from "../../run/names.ts";
import { parseCron } from "../../schedule/cron.ts";
import { isTimeZone } from "../../schedule/time-zone.ts";
import { suggest } from "../suggest.ts";
import {
  durationPattern,
  parseDuration,
  parseRate,
  parseRatio,
  parseSize,
  ratePattern,
  ratioPattern,
  sizePattern,
} from "../units.ts";

// A message may end with its problem code in brackets; without one it is "bad-value".

const noName = (text: unknown) =>
  `${JSON.stringify(text)} is no name: a-z, 0-9, dot, dash and underscore, at most 63, the first a letter or digit [bad-name]`;
export const name = z.string().regex(namePattern, { error: (issue) => noName(issue.input) });

function unitText(pattern: RegExp, kind: string, examples: readonly string[]) {
  const wanted = examples.join(", ");
  return z
    .string({
      error: (issue) =>
        typeof issue.input === "number" ? `${issue.input} has no unit; a ${kind} is written ${wanted} [missing-unit]` : undefined,
    })
    .regex(pattern, { error: (issue) => `${JSON.stringify(issue.input)} is no ${kind}; write it like ${wanted}` })
    .meta({ examples: [...examples] });
}

/** Text like "26h" -> seconds. */
export const duration = (description: string, fallback?: string) =>
  unitText(durationPattern, "duration", ["90s", "15m", "26h", "7d"])
    .meta({ description, ...(fallback === undefined ? {} : { default: fallback }) })
    .transform((text) => parseDuration(text)!);

/** Like `duration`, but not 0. */
export const period = (description: string, fallback?: string) =>
  unitText(durationPattern, "duration", ["10s", "15m", "6h", "7d"])
    .refine((text) => parseDuration(text) !== 0, { error: "must be longer than 0" })
    .meta({ description, ...(fallback === undefined ? {} : { default: fallback }) })
    .transform((text) => parseDuration(text)!);

/** Text like "500MiB" -> bytes. */
export const size = (description: string) =>
  unitText(sizePattern, "size", ["500MiB", "50GiB"])
    .meta({ description })
    .transform((text) => parseSize(text)!);

/** A connection that waits longer for its turn is cut by the other side. */
const leastBytesPerSecond = 64 * 1024;

/** Text like "10MiB/s" -> bytes in a second; "unlimited" -> 0. */
export const rate = (description: string) =>
  z
    .union([z.literal("unlimited"), unitText(ratePattern, "rate", ["500KiB/s", "10MiB/s"])], {
      error: (issue) => `${JSON.stringify(issue.input)} is no rate; write it like 500KiB/s, 10MiB/s or unlimited`,
    })
    .refine((text) => text === "unlimited" || parseRate(text)! >= leastBytesPerSecond, { error: "must be 64KiB/s or more" })
    .meta({ description, examples: ["10MiB/s"] })
    .transform((text) => (text === "unlimited" ? 0 : parseRate(text)!));

/** Text like "08:00" -> minutes since midnight. */
export const timeOfDay = (description: string) =>
  z
    .string()
    .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, {
      error: (issue) => `${JSON.stringify(issue.input)} is no time of day like "08:00"`,
    })
    .meta({ description, examples: ["08:00"] })
    .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

/** Text like "5%" -> 0.05. */
export const ratio = (description: string, fallback?: string) =>
  unitText(ratioPattern, "ratio", ["5%", "50%"])
    .meta({ description, ...(fallback === undefined ? {} : { default: fallback }) })
    .transform((text) => parseRatio(text)!);

export const text = (description: string, fallback?: string) =>
  z
    .string()
    .min(1, { error: "is empty" })
    .max(8192, { error: "is longer than 8192 characters" })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL can be in no argument or path
    .regex(/^[^\u0000]*$/, { error: "holds a NUL byte" })
    .meta({ description, ...(fallback === undefined ? {} : { default: fallback }) });

/** A word that reaches a program's arguments: never an option. */
export const word = (description: string, fallback?: string) =>
  text(description, fallback).regex(/^[^-\s]\S*$/, {
    error: (issue) => `${JSON.stringify(issue.input)} may not start with "-" or hold spaces`,
  });

export const absolutePath = (description: string) =>
  text(description).regex(/^\/(?!.*(^|\/)\.\.(\/|$))/, {
    error: (issue) => `${JSON.stringify(issue.input)} is no absolute path (a slash first, no "..")`,
  });

export const port = (description: string, fallback?: number) =>
  z
    .int({ error: (issue) => `${JSON.stringify(issue.input)} is no port` })
    .min(1, { error: "is no port: 1 to 65535" })
    .max(65535, { error: "is no port: 1 to 65535" })
    .meta({ description, ...(fallback === undefined ? {} : { default: fallback }) });

export const count = (description: string, fallback?: number, low = 0) =>
  z
    .int({ error: (issue) => `${JSON.stringify(issue.input)} is no whole number` })
    .min(low, { error: `must be ${low} or more` })
    .max(1_000_000_000, { error: "must be 1000000000 or less" })
    .meta({ description, ...(fallback === undefined ? {} : { default: fallback }) });

export const flag = (description: string, fallback?: boolean) =>
  z.boolean().meta({ description, ...(fallback === undefined ? {} : { default: fallback }) });

export const timezone = (description: string) =>
  z
    .string()
    .refine(isTimeZone, {
      error: (issue) => {
        const near = suggest(String(issue.input), Intl.supportedValuesOf("timeZone"));
        return `unknown time zone ${JSON.stringify(issue.input)}${near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`}`;
      },
    })
    .meta({ description, examples: ["Europe/Berlin", "UTC"] });

export const cron = z
  .string()
  .superRefine((expression, context) => {
    const result = parseCron(expression);
    if ("problem" in result) context.addIssue({ code: "custom", message: result.problem });
  })
  .meta({ description: "Five fields: minute hour day month weekday, in the schedule's time zone.", examples: ["0 1 * * *"] });

export const argv = (description: string) =>
  z
    .array(text("One argument; no shell sees it."))
    .min(1, { error: "needs at least the program's name" })
    .max(256)
    .meta({ description });

/** Spells out `key+` for each list of an object, so that completion knows it. */
export function withAppend<S extends Record<string, z.ZodType>>(shape: S): S & { [K in keyof S as `${K & string}+`]: S[K] } {
  const more: Record<string, z.ZodType> = { ...shape };
  for (const [key, schema] of Object.entries(shape)) {
    const inner = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
    if (inner instanceof z.ZodArray)
      more[`${key}+`] = (schema as z.ZodType).meta({ description: `Appended to the inherited "${key}".` });
  }
  return more as never;
}
