import type { DrillAchieved, DrillAssetReport, DrillCause, DrillOutcome } from "../report/drill-report.ts";
import { formatElapsed } from "../report/format-figures.ts";

/** The verdict in one or two sentences, for people who read nothing else. */
export function writeVerdict(input: {
  readonly drill: string;
  readonly outcome: DrillOutcome;
  readonly causes: readonly DrillCause[];
  readonly objectives: { readonly rto_s: number | null; readonly rpo_s: number | null };
  readonly achieved: DrillAchieved;
  readonly assets: readonly DrillAssetReport[];
}): string {
  const { outcome, causes, objectives, achieved, assets } = input;
  if (outcome === "cancelled") return `The drill was stopped by a person before it had an answer.`;
  if (outcome === "passed") {
    const time = `${formatElapsed(achieved.rta_s ?? 0)}${objective(objectives.rto_s)}`;
    const data = `${formatElapsed(achieved.rpa_s ?? 0)} old${objective(objectives.rpo_s)}`;
    const sites = [...new Set(assets.map((asset) => asset.repository))].join(" and ");
    return `${input.drill} was back in ${time} with data ${data}, from ${sites}; each check is known to say no to damaged data; production was not touched.`;
  }
  const own = causes.filter((cause) => cause.kind === outcome);
  const [first] = own;
  const others = own.length > 1 ? ` (and ${own.length - 1} more)` : "";
  const reason = first === undefined ? "" : ` ${first.where}: ${first.reason}${others}.`;
  if (outcome === "failed") return `The recovery did not do what it must.${reason}`;
  return `The drill has no answer, so nothing is proven.${reason}`;
}

function objective(seconds: number | null): string {
  return seconds === null ? "" : ` (objective ${formatElapsed(seconds)})`;
}
