import { type AssetProtection, formatDuration, type JudgedAge, type Protection } from "@lifeboat/model";
import { formatMoment } from "./format-time.ts";
import { renderTable } from "./render-table.ts";

const shapes = { good: "✓", unknown: "?", warning: "!", bad: "✗" } as const;

/** As `lifeboat status` shows it: the sentence, what needs attention worst first, and how many are well. */
export function protectionLines(protection: Protection, timezone: string, showAll: boolean): string[] {
  const { nowMs, sentence, level, assets } = protection;
  const lines = [`${shapes[level]} ${sentence}    ${formatMoment(nowMs, timezone)}`];
  if (assets.length === 0) return lines;
  const attention = showAll ? [...assets].sort((a, b) => rank(b) - rank(a)) : protection.attention;
  const columns = [
    { head: "  ASSET" },
    { head: "STATE" },
    { head: "LAST GOOD", align: "right" as const },
    { head: "RPO", align: "right" as const },
    { head: "2ND SITE", align: "right" as const },
    { head: "RESTORE PROVEN" },
    { head: "WHY / NEXT" },
  ];
  lines.push(...renderTable(columns, attention.map(row)));
  const rest = assets.filter((asset) => !attention.includes(asset));
  if (rest.length > 0)
    lines.push(`✓ ${rest.length}${attention.length > 0 ? " more" : ""} ok: ${names(rest)}${showAll ? "" : "    (--all)"}`);
  return lines;
}

function row(asset: AssetProtection): string[] {
  const { rtoSeconds, last } = asset.proof;
  const took =
    last?.rtaSeconds == null
      ? ""
      : `, ${formatDuration(last.rtaSeconds)}${rtoSeconds === undefined ? "" : ` of ${formatDuration(rtoSeconds)}`}`;
  const why = [asset.why, asset.next].filter(Boolean).join(" -> ");
  return [
    `${shapes[asset.level]} ${asset.asset}`,
    asset.isOpen ? `${asset.state} (running)` : asset.state,
    ageText(asset.rpo),
    asset.rpo.objectiveSeconds === undefined ? "-" : formatDuration(asset.rpo.objectiveSeconds),
    asset.secondSite.verdict === "none" ? "-" : ageText(asset.secondSite),
    asset.proof.verdict === "none" && last === undefined
      ? "-"
      : `${ageText(asset.proof)}${asset.proof.ageSeconds === undefined ? "" : " ago"}${took}`,
    why,
  ];
}

function ageText({ ageSeconds, verdict }: JudgedAge): string {
  return ageSeconds === undefined ? (verdict === "unknown" ? "?" : "never") : formatDuration(ageSeconds);
}

function rank({ level }: AssetProtection): number {
  return ["good", "unknown", "warning", "bad"].indexOf(level);
}

function names(assets: readonly AssetProtection[]): string {
  const shown = assets.slice(0, 5).map(({ asset }) => asset);
  return shown.join(", ") + (assets.length > 5 ? ", ..." : "");
}
