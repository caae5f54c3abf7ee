import { type AssetProtection, protectionStates } from "@lifeboat/model";
import { resultsByDay } from "../figures/local-days.ts";
import { type Html, html } from "../html/html.ts";
import { ageBar, dayStrip, judgedText } from "../view/charts.ts";
import { definition, definitions } from "../view/definition.ts";
import { formatBytes } from "../view/format.ts";
import { timeText } from "../view/time-text.ts";
import { assetMark } from "./asset-mark.ts";
import { type Choice, filterForm, readChoice } from "./filter-form.ts";
import { assetHref } from "./links.ts";
import { proofText } from "./overview-page.ts";
import type { PageData } from "./page-data.ts";
import { type RecentFigures, recentDayCount } from "./recent-figures.ts";

export async function assetsPage(data: PageData, query: URLSearchParams): Promise<Html> {
  const { protection } = data;
  const all = protection.assets;
  const choices = [
    readChoice(query, {
      name: "state",
      label: "State",
      values: protectionStates.filter((state) => all.some((asset) => asset.state === state)),
      known: protectionStates,
    }),
    readChoice(query, { name: "policy", label: "Policy", values: unique(all.map((asset) => asset.policy)) }),
    readChoice(query, { name: "owner", label: "Owner", values: unique(all.map((asset) => asset.owner)) }),
    readChoice(query, { name: "tier", label: "Tier", values: unique(all.map((asset) => asset.tier?.toString())) }),
  ];
  const shown = all.filter((asset) => choices.every((choice) => isWanted(asset, choice)));
  const form = filterForm("/assets", choices);
  if (all.length === 0) {
    return html`<h1>Assets</h1><p class="empty">The configuration names no asset. Next: <code>lifeboat init</code>, then <code>lifeboat config validate</code>.</p>`;
  }
  return html`<h1>Assets <span class="count">${shown.length} of ${all.length}</span></h1>${form}${
    shown.length === 0
      ? html`<p class="empty">No asset fits this filter. <a href="/assets">Show all ${all.length}</a></p>`
      : table(shown, data, await data.recent())
  }`;
}

function isWanted(asset: AssetProtection, { name, value }: Choice): boolean {
  if (value === undefined) return true;
  const values: Readonly<Record<string, string | undefined>> = {
    state: asset.state,
    policy: asset.policy,
    owner: asset.owner,
    tier: asset.tier?.toString(),
  };
  return values[name] === value;
}

function unique(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))].sort();
}

function table(assets: readonly AssetProtection[], { time, protection }: PageData, recent: RecentFigures): Html {
  return html`<div class="scroll"><table class="assets"><caption class="hidden">Assets and their state</caption>
<thead><tr><th scope="col">Asset</th><th scope="col">State</th><th scope="col">Age of RPO${definition("age of RPO", definitions.rpo)}</th><th scope="col">Second site${definition("second site", definitions.secondSite)}</th><th scope="col">Checked${definition("checked", definitions.checked)}</th><th scope="col">Restore proven${definition("restore proven", definitions.proven)}</th><th scope="col">Size</th><th scope="col">${recentDayCount} days</th></tr></thead>
<tbody>${assets.map(
    (
      asset,
    ) => html`<tr><th scope="row"><a href="${assetHref(asset.asset)}">${asset.asset}</a><br><span class="sub">${asset.owner ?? "no owner"}${asset.tier === undefined ? "" : `, tier ${asset.tier}`}</span></th>
<td data-label="State">${assetMark(asset, protection)}${asset.why === "" ? "" : html`<p class="sub">${asset.why}</p>`}</td>
<td data-label="Age of RPO" class="age">${ageBar(asset.rpo)} <span>${judgedText(asset.rpo)}</span>${asset.rpo.atMs === undefined ? "" : html`<br><span class="sub">${timeText(asset.rpo.atMs, time)}</span>`}</td>
<td data-label="Second site" class="age">${ageBar(asset.secondSite)} <span>${judgedText(asset.secondSite, "none")}</span></td>
<td data-label="Checked">${judgedText(asset.check)}</td>
<td data-label="Restore proven">${proofText(asset.proof)}</td>
<td data-label="Size">${sizeText(asset)}</td>
<td data-label="30 days">${strip(asset, recent)}</td></tr>`,
  )}</tbody></table></div>`;
}

function sizeText({ lastBackup }: AssetProtection): string {
  const bytes = lastBackup?.figures.total_bytes_processed;
  return bytes === undefined ? "-" : formatBytes(bytes);
}

function strip(asset: AssetProtection, { days, backupsByAsset }: RecentFigures): Html {
  const ends = (backupsByAsset.get(asset.asset) ?? []).map(({ result, endedMs }) => ({ result, atMs: endedMs }));
  const results = resultsByDay(days, ends);
  const good = results.filter((result) => result === "passed").length;
  const cells = results.map((result, index) => ({ result, label: `${days[index]?.date}: ${result}`, href: undefined }));
  const summary = `${good} of ${results.length} days passed`;
  return html`<a href="${assetHref(asset.asset)}#days">${dayStrip(cells, `${asset.asset}: ${summary}`)}</a><br><span class="sub">${summary}</span>`;
}
