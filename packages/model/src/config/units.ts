const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const bytesOf: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4, PiB: 1024 ** 5 };

export const durationPattern = /^[0-9]{1,9}(s|m|h|d|w)$/;
export const sizePattern = /^[0-9]{1,9}(\.[0-9]{1,3})?(B|KiB|MiB|GiB|TiB|PiB)$/;
export const ratePattern = /^[0-9]{1,9}(\.[0-9]{1,3})?(B|KiB|MiB|GiB|TiB|PiB)\/s$/;
export const ratioPattern = /^[0-9]{1,4}(\.[0-9]{1,6})?%$/;

/** "90s", "15m", "26h", "7d", "2w" -> seconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  return Number(text.slice(0, -1)) * secondsOf[text.slice(-1)]!;
}

/** "500MiB", "1.5GiB" -> bytes, rounded up; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = sizePattern.exec(text);
  if (match === null) return undefined;
  const unit = match[2]!;
  return Math.ceil(Number(text.slice(0, -unit.length)) * bytesOf[unit]!);
}

/** "10MiB/s" -> bytes in a second; undefined when it is none. */
export function parseRate(text: string): number | undefined {
  return text.endsWith("/s") ? parseSize(text.slice(0, -2)) : undefined;
}

/** "5%" -> 0.05; undefined when it is none. */
export function parseRatio(text: string): number | undefined {
  return ratioPattern.test(text) ? Number(text.slice(0, -1)) / 100 : undefined;
}

/** 93780 -> "26h 3m": the two largest parts, for messages. */
export function formatDuration(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.round(seconds);
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    // Up to two days in hours: "26h" is how objectives are written.
    if (unit === "d" && rest < 2 * 86_400) continue;
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.slice(0, 2).join(" ") || "0s";
}
