/** "0s", "37m", "2h 5m", "3d 4h": two units at most, as people say it. */
export function formatElapsed(seconds: number): string {
  const whole = Math.round(Math.abs(seconds));
  const sign = seconds < 0 && whole > 0 ? "-" : "";
  if (whole < 60) return whole === 0 && seconds > 0 ? `${seconds.toFixed(1)}s` : `${sign}${whole}s`;
  const units: [string, number][] = [
    ["d", 86400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => whole >= size);
  const [name, size] = units[first]!;
  const count = Math.floor(whole / size);
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((whole - count * size) / next[1]);
  return rest > 0 && next !== undefined ? `${sign}${count}${name} ${rest}${next[0]}` : `${sign}${count}${name}`;
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
