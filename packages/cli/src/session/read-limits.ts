import { type CompiledConfig, LifeboatError, parseRate, type RateLimits } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";

const none: RateLimits = { upload: undefined, download: undefined, hours: [], timezone: "UTC" };

/**
 * What `--limit-upload` and `--limit-download` ask for, in place of what the configuration says of that direction at any hour.
 * undefined: neither was given. Errors: `usage`.
 */
export function readLimits(values: OptionValues, config?: CompiledConfig | undefined, name = ""): RateLimits | undefined {
  const upload = readRate(values, "limit-upload");
  const download = readRate(values, "limit-download");
  if (upload === undefined && download === undefined) return undefined;
  const configured = config?.repositories.get(name)?.limits ?? none;
  return {
    ...configured,
    ...(upload !== undefined && { upload: upload || undefined }),
    ...(download !== undefined && { download: download || undefined }),
    hours: configured.hours.map((hours) => ({
      ...hours,
      upload: upload === undefined ? hours.upload : undefined,
      download: download === undefined ? hours.download : undefined,
    })),
  };
}

/** Bytes in a second; 0: unlimited. */
function readRate(values: OptionValues, option: string): number | undefined {
  const text = values.text(option);
  if (text === undefined) return undefined;
  if (text === "unlimited") return 0;
  const rate = parseRate(text);
  if (rate !== undefined && rate >= 64 * 1024) return rate;
  throw new LifeboatError("usage", `--${option} "${text}" is no rate of 64KiB/s or more, like 10MiB/s, and not "unlimited"`);
}
