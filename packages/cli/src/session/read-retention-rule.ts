import {
  type CalendarSpan,
  type GroupDimension,
  LifeboatError,
  parseCalendarSpan,
  type RetentionRule,
  type WithinBucket,
} from "@lifeboat/model";
import type { OptionSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";

const counters = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
const spans: readonly WithinBucket[] = ["hourly", "daily", "weekly", "monthly", "yearly"];
const dimensions: readonly GroupDimension[] = ["host", "paths", "tags", "asset"];

/** restic's options of `forget`, with its meaning. */
export const retentionOptions: readonly OptionSpec[] = [
  { flags: "--keep-last <COUNT>", description: 'the newest ones; here and below also "unlimited"' },
  ...spans.map((name) => ({ flags: `--keep-${name} <COUNT>`, description: `the last of each of so many ${unitOf(name)}` })),
  { flags: "--keep-within <DURATION>", description: "all that are younger than 2y5m7d3h (m = months) before the newest one" },
  ...spans.map((name) => ({
    flags: `--keep-within-${name} <DURATION>`,
    description: `the last of each ${unitOf(name).slice(0, -1)} of that time`,
  })),
  { flags: "--keep-tag <TAG...>", description: "those with this tag; several joined by commas: with all of them" },
  {
    flags: "--group-by <LIST>",
    mayBeEmpty: true,
    description: "what a rule looks at together: host, paths, tags, asset; an empty list: all at once",
    default: "host,paths",
  },
];

function unitOf(name: WithinBucket): string {
  return { hourly: "hours", daily: "days", weekly: "weeks", monthly: "months", yearly: "years" }[name];
}

/** undefined: no rule was given. Errors: `usage`. */
export function readRetentionRule(values: OptionValues): RetentionRule | undefined {
  const count = (name: string) => readCount(values, `keep-${name}`);
  const withinEach: Partial<Record<WithinBucket, CalendarSpan>> = {};
  for (const name of spans) {
    const span = readSpan(values, `keep-within-${name}`);
    if (span !== undefined) withinEach[name] = span;
  }
  const rule: RetentionRule = {
    last: count("last"),
    hourly: count("hourly"),
    daily: count("daily"),
    weekly: count("weekly"),
    monthly: count("monthly"),
    yearly: count("yearly"),
    withinSeconds: 0,
    within: readSpan(values, "keep-within"),
    withinEach,
    keepTags: values.texts("keep-tag").map((list) => list.split(",")),
  };
  const isNone = counters.every((name) => rule[name] === 0) && rule.within === undefined && rule.keepTags?.length === 0;
  return isNone && Object.keys(withinEach).length === 0 ? undefined : rule;
}

export function readGroupBy(values: OptionValues): readonly GroupDimension[] {
  const names = (values.text("group-by") ?? "").split(",").filter((name) => name !== "");
  // restic takes "path", too.
  const known = names.map((name) => dimensions.find((dimension) => dimension === name || dimension === `${name}s`));
  const at = known.indexOf(undefined);
  if (at !== -1) throw new LifeboatError("usage", `--group-by "${names[at]}" is none of ${dimensions.join(", ")}`);
  return known.filter((dimension) => dimension !== undefined);
}

function readCount(values: OptionValues, option: string): number {
  const text = values.text(option);
  if (text === undefined) return 0;
  if (text === "unlimited" || text === "-1") return -1;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new LifeboatError("usage", `--${option} "${text}" is no count, and not "unlimited"`);
}

function readSpan(values: OptionValues, option: string): CalendarSpan | undefined {
  const text = values.text(option);
  if (text === undefined) return undefined;
  const span = parseCalendarSpan(text);
  if (span !== undefined) return span;
  throw new LifeboatError("usage", `--${option} "${text}" is no duration like 7d, 5m (months) or 2y5m7d3h`);
}
