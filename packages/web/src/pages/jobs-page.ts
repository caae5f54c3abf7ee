import type { HistoryFilter, RunRow } from "@lifeboat/catalog";
import { type RunKind, type RunResult, resultOrder, runKinds } from "@lifeboat/model";
import { parseLocalDay } from "../figures/local-days.ts";
import { type Html, html } from "../html/html.ts";
import { formatAge, formatBytes, formatCount } from "../view/format.ts";
import { resultMark } from "../view/marks.ts";
import { timeText } from "../view/time-text.ts";
import { causesTable } from "./causes-table.ts";
import { type Choice, filterForm, readChoice } from "./filter-form.ts";
import { jobsHref, objectLink, runHref } from "./links.ts";
import type { PageData } from "./page-data.ts";

const runsPerPage = 50;
/** Deeper pages are not what history is read by: filters are. */
const maxPage = 1000;
const dayMs = 86_400_000;
const causesLookedAt = 500;

const sinceWords = { "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", "90d": "last 90 days" } as const;
const sinceMs: Readonly<Record<string, number>> = { "24h": dayMs, "7d": 7 * dayMs, "30d": 30 * dayMs, "90d": 90 * dayMs };

export async function jobsPage(data: PageData, query: URLSearchParams): Promise<Html> {
  const { catalog, time } = data;
  const choices = readChoices(data, query);
  const value = (name: string) => choices.find((choice) => choice.name === name)?.value;
  const filter = historyFilter(data, value);
  const counts = await catalog.countRuns(filter);
  const total = counts.reduce((sum, one) => sum + one.count, 0);
  const pages = Math.max(1, Math.min(maxPage, Math.ceil(total / runsPerPage)));
  const page = Math.min(pages, readPage(query));
  const runs = await catalog.history({ ...filter, limit: runsPerPage, offset: (page - 1) * runsPerPage });
  const badFilter: HistoryFilter = {
    ...filter,
    results: filter.results ?? ["failed", "incomplete", "inconclusive"],
    limit: causesLookedAt,
  };
  const bad = page === 1 && filter.states === undefined ? await catalog.history(badFilter) : [];
  const href = (to: number) =>
    jobsHref({
      ...Object.fromEntries(choices.map((choice) => [choice.name, choice.value])),
      page: to === 1 ? undefined : String(to),
    });
  const first = (page - 1) * runsPerPage + 1;
  return html`<h1>Jobs <span class="count">${formatCount(total)}</span></h1>
${filterForm("/jobs", choices)}
${
  total === 0
    ? emptyWords(data, choices)
    : html`${causesTable(bad, time)}
<h2>History</h2>
<p>${formatCount(first)} to ${formatCount(first + runs.length - 1)} of ${formatCount(total)}, newest first</p>
${runTable(runs, data)}
${pager(page, pages, href)}`
}`;
}

function readChoices({ config, time }: PageData, query: URLSearchParams): Choice[] {
  const objects = [...config.assets.keys(), ...config.repositories.keys(), ...config.drills.keys()];
  const day = (name: string) => {
    const text = query.get(name) ?? "";
    return parseLocalDay(text, time.timezone) === undefined ? [] : [text];
  };
  // An asset that has left the configuration still has its history.
  const asset = query.get("asset") ?? "";
  const known = /^[a-z0-9._/-]{1,130}$/.test(asset) ? [asset] : [];
  return [
    readChoice(query, { name: "kind", label: "Kind", values: runKinds }),
    readChoice(query, { name: "asset", label: "Asset", values: [...new Set(objects)].sort(), known }),
    readChoice(query, {
      name: "result",
      label: "Result",
      values: [...resultOrder, "open"],
      words: { open: "running or waiting" },
    }),
    readChoice(query, { name: "since", label: "Since", values: Object.keys(sinceWords), known: day("since"), words: sinceWords }),
    readChoice(query, { name: "until", label: "Until", values: [], known: day("until") }),
  ];
}

function historyFilter({ time }: PageData, value: (name: string) => string | undefined): HistoryFilter {
  const { nowMs, timezone } = time;
  const kind = value("kind");
  const object = value("asset");
  const result = value("result");
  const since = value("since");
  const until = value("until");
  const fromMs =
    since === undefined ? undefined : sinceMs[since] === undefined ? parseLocalDay(since, timezone) : nowMs - sinceMs[since];
  const toMs = until === undefined ? undefined : parseLocalDay(until, timezone);
  return {
    ...(kind === undefined ? {} : { kinds: [kind as RunKind] }),
    ...(object === undefined ? {} : { object }),
    ...(result === undefined ? {} : result === "open" ? { states: ["pending", "running"] } : { results: [result as RunResult] }),
    ...(fromMs === undefined ? {} : { sinceMs: fromMs }),
    ...(toMs === undefined ? {} : { untilMs: toMs }),
  };
}

function readPage(query: URLSearchParams): number {
  const text = query.get("page") ?? "1";
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : 1;
}

function emptyWords({ config }: PageData, choices: readonly Choice[]): Html {
  if (choices.some((choice) => choice.value !== undefined)) {
    return html`<p class="empty">No run fits this filter. <a href="/jobs">Show all runs</a></p>`;
  }
  const [policy] = config.policies.keys();
  return html`<p class="empty">No run yet. Next: <code>lifeboat backup run ${policy ?? "POLICY"}</code>, or <code>lifeboat up</code> and wait for the schedule.</p>`;
}

export function runTable(runs: readonly RunRow[], { time }: PageData): Html {
  return html`<div class="scroll"><table class="runs"><caption class="hidden">Runs</caption>
<thead><tr><th scope="col">Due</th><th scope="col">Run</th><th scope="col">Asset</th><th scope="col">Result</th><th scope="col" class="num">Took</th><th scope="col" class="num">Size</th><th scope="col" class="num">New</th><th scope="col">Why</th></tr></thead>
<tbody>${runs.map((run) => {
    const { record } = run;
    return html`<tr><td>${timeText(run.slotMs, time)}</td><th scope="row"><a href="${runHref(run.id)}">${run.kind}${run.byHand ? " by hand" : ""}</a></th><td>${objectLink(run.object)}</td>
<td>${resultMark(record?.result ?? null, run.state)}</td>
<td class="num">${record === null ? "-" : formatAge((Date.parse(record.ended) - Date.parse(record.started)) / 1000)}</td>
<td class="num">${bytesOf(record?.figures.total_bytes_processed)}</td><td class="num">${bytesOf(record?.figures.data_added ?? record?.figures.bytes_copied)}</td>
<td class="why">${run.cause ?? ""}</td></tr>`;
  })}</tbody></table></div>`;
}

function bytesOf(bytes: number | undefined): string {
  return bytes === undefined ? "-" : formatBytes(bytes);
}

function pager(page: number, pages: number, href: (page: number) => string): Html {
  if (pages === 1) return html``;
  const link = (to: number, words: string, rel: string) => html`<a rel="${rel}" href="${href(to)}">${words}</a>`;
  return html`<nav class="pager" aria-label="Pages of the history">${page > 1 ? link(page - 1, "Newer", "prev") : ""} <span>Page ${page} of ${pages}</span> ${page < pages ? link(page + 1, "Older", "next") : ""}</nav>`;
}
