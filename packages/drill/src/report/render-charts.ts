import { type DrillReport, rtaParts } from "./drill-report.ts";
import { escapeMarkup as e } from "./escape-markup.ts";
import { formatElapsed } from "./format-figures.ts";

const width = 680;

/** Where the recovery time went: one bar with the objective as a line, and the same as a table. */
export function renderPartsChart(report: DrillReport): string {
  const { rta_parts: parts, rta_s } = report.achieved;
  const total = rtaParts.reduce((sum, part) => sum + parts[part], 0);
  const objective = report.objectives.rto_s;
  // The objective's mark must not press the bar together when it lies far away: then it is named only.
  const near = objective !== null && objective <= total * 3;
  const scale = width / Math.max(total, near ? objective : 0, 0.001);
  let at = 0;
  const bars = rtaParts.map((part, index) => {
    const size = parts[part] * scale;
    const bar = `<rect class="part p${index}" x="${at.toFixed(1)}" y="4" width="${size.toFixed(1)}" height="22"><title>${part} ${formatElapsed(parts[part])}</title></rect>`;
    at += size;
    return bar;
  });
  const mark = near
    ? `<line class="mark" x1="${(objective * scale).toFixed(1)}" x2="${(objective * scale).toFixed(1)}" y1="0" y2="30"/>`
    : "";
  const words =
    rta_s === null ? `Recovery was not reached; ${formatElapsed(total)} were spent` : `Recovered in ${formatElapsed(rta_s)}`;
  const goal = objective === null ? "" : `, objective ${formatElapsed(objective)}`;
  const rows = rtaParts.map(
    (part, index) =>
      `<tr><td><span class="key p${index}" aria-hidden="true"></span> ${part}</td><td>${formatElapsed(parts[part])}</td></tr>`,
  );
  return `<section><h2>Where the time went</h2>
<svg viewBox="0 0 ${width} 30" role="img" aria-label="${words}${goal}; the table below has the figures">${bars.join("")}${mark}</svg>
<p>${words}${goal}.</p>
<table><thead><tr><th scope="col">Part</th><th scope="col">Time</th></tr></thead><tbody>${rows.join("")}</tbody></table></section>`;
}

/** Steps and checks on one time axis from T0; the tables of steps and checks have the same figures. */
export function renderTimeline(report: DrillReport): string {
  const nodes = [...report.steps, ...report.checks].filter((node) => node.started_s !== null && node.seconds !== null);
  if (nodes.length === 0) return "";
  const end = Math.max(...nodes.map((node) => (node.started_s ?? 0) + (node.seconds ?? 0)), 0.001);
  const label = 150;
  const scale = (width - label) / end;
  const lines = nodes.map((node, index) => {
    const y = index * 22;
    const x = label + (node.started_s ?? 0) * scale;
    const size = Math.max((node.seconds ?? 0) * scale, 2);
    const name = node.id.length > 20 ? `${node.id.slice(0, 19)}…` : node.id;
    return `<text x="0" y="${y + 15}">${e(name)}</text><rect class="bar ${node.verdict}" x="${x.toFixed(1)}" y="${y + 3}" width="${size.toFixed(1)}" height="15"><title>${e(node.id)}: ${node.verdict}, ${formatElapsed(node.seconds ?? 0)}</title></rect>`;
  });
  return `<section><h2>Timeline</h2>
<svg viewBox="0 0 ${width} ${nodes.length * 22}" role="img" aria-label="Steps and checks over ${formatElapsed(end)}; the tables below have the figures">${lines.join("")}</svg>
<p>From the declaration to +${formatElapsed(end)}.</p></section>`;
}
