import type { AssetProtection, Protection } from "@lifeboat/model";
import { type Html, html } from "../html/html.ts";
import { mark } from "../view/marks.ts";
import { type PageTime, timeText } from "../view/time-text.ts";
import { assetLink, runHref } from "./links.ts";

const assetsNamed = 4;

/** Worst first. The same cause for many assets is one row. */
export function attentionTable(protection: Protection, time: PageTime): Html {
  if (protection.assets.length === 0) return html`<p class="empty">There is no asset yet.</p>`;
  if (protection.attention.length === 0) {
    const words =
      protection.scheduler.state === "silent"
        ? "Nothing was known to need attention when the scheduler last reported."
        : "Nothing needs attention.";
    return html`<p class="empty">${words}</p>`;
  }
  const groups = [...Map.groupBy(protection.attention, causeKey).values()];
  return html`<div class="scroll"><table class="attention"><caption class="hidden">What needs attention, worst first</caption>
<thead><tr><th scope="col">State</th><th scope="col">Asset</th><th scope="col">Why and what to do</th><th scope="col">Owner</th></tr></thead>
<tbody>${groups.map((group) => attentionRow(group, time))}</tbody></table></div>`;
}

/** A failed backup's cause decides; without one the state does, since the figures in its words differ from asset to asset. */
function causeKey(asset: AssetProtection): string {
  const { lastBackup } = asset;
  const cause = lastBackup !== undefined && lastBackup.result !== "passed" ? lastBackup.cause : null;
  // UNPROVEN has several reasons that are not the same.
  return [asset.level, asset.state, cause ?? (asset.state === "UNPROVEN" ? asset.why : "")].join("\n");
}

function attentionRow(group: readonly AssetProtection[], time: PageTime): Html {
  const [worst] = group;
  if (worst === undefined) return html``;
  const named = group.slice(0, assetsNamed);
  const more = group.length - named.length;
  const owners = [...new Set(group.map((asset) => asset.owner ?? "no owner"))];
  const word = worst.level === "good" ? "ok, but" : worst.state;
  const { lastBackup } = worst;
  const failed = lastBackup !== undefined && lastBackup.result !== "passed";
  return html`<tr><td>${mark(worst.level === "good" ? "neutral" : worst.level, word)}</td>
<th scope="row">${named.map((asset, index) => html`${index > 0 ? html`<br>` : ""}${assetLink(asset.asset)}`)}${more > 0 ? html`<br><a href="/assets?state=${worst.state}">and ${more} more</a>` : ""}</th>
<td><p>${worst.why}${group.some((asset) => asset.why !== worst.why) ? ` (the worst of ${group.length})` : ""}</p>
${failed ? html`<p>Last run: <a href="${runHref(lastBackup.id)}">${lastBackup.result}</a>, ${timeText(Date.parse(lastBackup.ended), time)}</p>` : ""}
${worst.next === undefined ? "" : html`<p class="next">Next: <code>${worst.next}</code></p>`}</td>
<td>${owners.join(", ")}</td></tr>`;
}
