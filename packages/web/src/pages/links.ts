import { type Html, html } from "../html/html.ts";

export function assetHref(asset: string): string {
  return `/assets/${encodeURI(asset)}`;
}

/** Ids of runs have no character that an address would have to escape. */
export function runHref(runId: string): string {
  return runId.startsWith("drill/") ? `/drills/${encodeURI(runId)}` : `/jobs/${encodeURI(runId)}`;
}

export function assetLink(asset: string): Html {
  return html`<a href="${assetHref(asset)}">${asset}</a>`;
}

/** The object of a run as a link where it is an asset. */
export function objectLink(object: string): Html {
  return object.includes("/") ? assetLink(object) : html`${object}`;
}

export function jobsHref(filter: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined && value !== "") query.set(name, value);
  return query.size === 0 ? "/jobs" : `/jobs?${query}`;
}
