export interface Column {
  readonly head: string;
  readonly align?: "left" | "right";
}

/** Columns under their heads, two blanks apart; the last one is not padded. Nothing at all for no rows. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const heads = columns.map(({ head }) => head);
  const widths = columns.map((_, at) => Math.max(...[heads, ...rows].map((row) => width(row[at] ?? ""))));
  return [heads, ...rows].map((row) =>
    columns
      .map(({ align }, at) => {
        const text = row[at] ?? "";
        const gap = " ".repeat(Math.max(0, widths[at]! - width(text)));
        if (align === "right") return gap + text;
        return at === columns.length - 1 ? text : text + gap;
      })
      .join("  ")
      .trimEnd(),
  );
}

function width(text: string): number {
  return [...text].length;
}
