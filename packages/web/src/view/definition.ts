import { type Html, html } from "../html/html.ts";

/** What stands behind a number, one key press away and without script. */
export function definition(name: string, text: string): Html {
  return html`<details class="def"><summary aria-label="What does “${name}” mean?">?</summary><p>${text}</p></details>`;
}

export const definitions = {
  protected:
    "Protected: the best usable copy is younger than the RPO, the copy at a second site younger than rpo_offsite, the last check of the repository younger than verify_every, and the last restore that proved it younger than drill_every; whichever of these the policy promises.",
  rpo: "Age of the newest copy whose backup passed, against the promised age (RPO). Incomplete, failed and guard-held runs are no good copies; a copy in a repository in which a check found damage is no copy at all, until a check that looks as deep passes.",
  secondSite:
    "Age of the newest good copy at a second site, against rpo_offsite; with several sites, at the one that is furthest behind.",
  checked: "Time since a check of the asset's repository last passed, against verify_every.",
  proven:
    "Time since a drill last restored the asset and a check that can fail found it right, against drill_every. A failed drill takes the proof away; an inconclusive one does not renew it.",
  rpoKept:
    "Share of time, not of jobs, in which the age of the newest good copy was within the RPO that is valid today. Counted over the assets that have an RPO, from the first run on record.",
  rta: "Recovery time achieved: from the declared start, before the queue, until the last required check passed. Empty when that was not reached.",
  rpa: "Recovery point achieved: from the declared start back to the moment that the oldest restored snapshot stands for.",
} as const;
