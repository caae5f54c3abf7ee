import type { ProtectionLevel, RunResult, RunState } from "@lifeboat/model";
import { type Html, html } from "../html/html.ts";

/** neutral: neither good nor bad (skipped, waiting). */
export type MarkLevel = ProtectionLevel | "neutral";

/** State = word + shape + colour: each level has a shape of its own, so that grey print and colour blind eyes tell them apart. */
export function mark(level: MarkLevel, word: string): Html {
  return html`<span class="mark ${level}">${shape(level)}<span class="word">${word}</span></span>`;
}

export function shape(level: MarkLevel): Html {
  return html`<svg class="shape" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${drawing(level)}</svg>`;
}

function drawing(level: MarkLevel): Html {
  switch (level) {
    case "good":
      return html`<circle class="fill" cx="8" cy="8" r="8"/><path class="line" d="M4 8.5l2.8 2.8L12 5.5"/>`;
    case "warning":
      return html`<path class="fill" d="M8 .5L16 15.5H0z"/><path class="line" d="M8 6v4.4M8 12v1.6"/>`;
    case "bad":
      return html`<path class="fill" d="M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7z"/><path class="line" d="M5 5l6 6M11 5l-6 6"/>`;
    case "unknown":
      return html`<rect class="fill" width="16" height="16" rx="3"/><path class="line" d="M5.6 6a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.6M8 11.4v1.6"/>`;
    case "neutral":
      return html`<rect class="fill" x="1" y="6" width="14" height="4" rx="2"/>`;
  }
}

export function resultLevel(result: RunResult): MarkLevel {
  const levels: Readonly<Record<RunResult, MarkLevel>> = {
    passed: "good",
    incomplete: "warning",
    failed: "bad",
    inconclusive: "unknown",
    skipped: "neutral",
    cancelled: "neutral",
  };
  // A row of a newer Lifeboat may hold a result that is not known here: never green.
  return levels[result] ?? "unknown";
}

export function resultMark(result: RunResult | null, state: RunState): Html {
  if (result !== null) return mark(resultLevel(result), result);
  return mark("neutral", state === "running" ? "running" : "waiting");
}
