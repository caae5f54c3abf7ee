/** "7m", "34h 58m", "12d 3h": two units at most; up to two days in hours, as objectives are written. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([name, size]) => whole >= size && !(name === "d" && whole < 2 * 86_400));
  const [name, size] = units[first] ?? ["s", 1];
  const count = Math.floor(whole / size);
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((whole - count * size) / next[1]);
  return next === undefined || rest === 0 ? `${count}${name}` : `${count}${name} ${rest}${next[0]}`;
}

/** For ages, where seconds only matter while there are few: "7m" instead of "7m 11s". */
export function formatRoundAge(seconds: number): string {
  return formatAge(seconds < 120 ? seconds : Math.floor(seconds / 60) * 60);
}

/** "512 B", "9.1 MiB": IEC units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = "B";
  for (const next of ["KiB", "MiB", "GiB", "TiB", "PiB"]) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(1)} ${unit}`;
}

/** "58 110", with spaces that do not break. */
export function formatCount(count: number): string {
  return new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 }).format(count).replaceAll(",", "\u00a0");
}

/** "99.8%": never 100% for less than all, never 0% for more than nothing. */
export function formatShare(part: number, of: number): string {
  if (of <= 0) return "-";
  const percent = (part / of) * 100;
  if (percent < 100 && percent > 99.9) return "99.9%";
  if (percent > 0 && percent < 0.1) return "0.1%";
  return `${percent.toFixed(1).replace(/\.0$/, "")}%`;
}
