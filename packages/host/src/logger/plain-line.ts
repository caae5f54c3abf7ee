/** One JSON log line -> one line for a person: `09:14:20 warn  message  key=value`. */
export function plainLine(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { ts, level, msg, ...fields } = entry;
  const pairs = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const tail = pairs.length === 0 ? "" : `  ${pairs.join(" ")}`;
  return `${printable(`${String(ts).slice(11, 19)} ${String(level).padEnd(5)} ${String(msg)}${tail}`)}\n`;
}

/** Names come from hosts that we do not trust: nothing in them may steer the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (unit) => `\\x${unit.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
