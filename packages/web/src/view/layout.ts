import type { Protection } from "@lifeboat/model";
import { type Html, html } from "../html/html.ts";
import { shape } from "./marks.ts";
import { absoluteTime, type PageTime, relativeTime } from "./time-text.ts";

export interface PageFrame {
  readonly company: string;
  readonly time: PageTime;
  /** Undefined when history could not be read: then nothing is known. */
  readonly protection: Protection | undefined;
}

const places = [
  { href: "/", name: "Overview" },
  { href: "/assets", name: "Assets" },
  { href: "/jobs", name: "Jobs" },
  { href: "/drills", name: "Drills" },
] as const;

export function layout(frame: PageFrame, page: { readonly title: string; readonly at: string; readonly body: Html }): Html {
  const { company, time, protection } = frame;
  const isSilent = protection === undefined || protection.scheduler.state === "silent";
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title} - ${company} - Lifeboat</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<p class="brand"><a href="/">Lifeboat</a> <span>${company}</span></p>
<nav aria-label="Pages"><ul>${places.map(
    ({ href, name }) => html`<li><a href="${href}"${href === page.at ? html` aria-current="page"` : ""}>${name}</a></li>`,
  )}</ul></nav>
<p class="asof">As of <time datetime="${new Date(time.nowMs).toISOString()}">${absoluteTime(time.nowMs, time.timezone, { seconds: true })}</time> · ${schedulerWords(protection, time)}</p>
</header>
${staleBar(protection, time)}
<main id="main" tabindex="-1"${isSilent ? html` class="silent"` : ""}>
${page.body}
</main>
<footer><p>Read-only. Times are in ${time.timezone}. The same verdict as data: <a href="/api/status.json">status.json</a>. On the command line: <code>lifeboat status</code></p></footer>
</body>
</html>
`;
}

function schedulerWords(protection: Protection | undefined, time: PageTime): string {
  const beatMs = protection?.scheduler.lastBeatMs;
  if (protection === undefined) return "history could not be read";
  if (beatMs === null || beatMs === undefined) return "scheduler has never reported";
  return `scheduler reported ${relativeTime(beatMs, time.nowMs)}`;
}

/** Stale data is loud: yellow after two minutes without the scheduler, after ten the verdict itself says unknown. */
function staleBar(protection: Protection | undefined, { timezone }: PageTime): Html {
  const scheduler = protection?.scheduler;
  if (scheduler === undefined || scheduler.state === "live" || scheduler.state === "unasked") return html``;
  const since = scheduler.lastBeatMs === null ? undefined : absoluteTime(scheduler.lastBeatMs, timezone, { seconds: true });
  const words =
    since === undefined
      ? html`No scheduler has ever reported here. Nothing is backed up by itself until <code>lifeboat up</code> runs.`
      : html`The scheduler last reported at ${since}. What you see may be out of date. Next: <code>lifeboat up</code>, then <code>lifeboat doctor</code>.`;
  return html`<div class="stale ${scheduler.state === "late" ? "late" : "silent"}" role="status">${shape(scheduler.state === "late" ? "warning" : "unknown")}<p>${words}</p></div>`;
}
