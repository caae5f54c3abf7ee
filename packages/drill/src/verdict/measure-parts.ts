import { type RtaPart, rtaParts } from "../report/drill-report.ts";

/** One activity on the drill's clock, milliseconds since 1970. */
export interface Span {
  readonly part: RtaPart;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Splits the time from T0 to `endMs` among the parts, so that they add up although steps run in parallel: each moment goes to
 * what was the more essential work then (transfer before load before application before checks), idle moments to the part
 * that was under way before.
 */
export function measureParts(spans: readonly Span[], fromMs: number, endMs: number): Record<RtaPart, number> {
  const order: readonly RtaPart[] = ["queue", "provision", "transfer", "load", "application", "checks"];
  const parts = Object.fromEntries(rtaParts.map((part) => [part, 0])) as Record<RtaPart, number>;
  const inside = (at: number) => Math.min(Math.max(at, fromMs), endMs);
  const edges = [...new Set([fromMs, endMs, ...spans.flatMap((span) => [inside(span.fromMs), inside(span.toMs)])])].sort(
    (a, b) => a - b,
  );
  let last: RtaPart = "queue";
  for (let at = 0; at + 1 < edges.length; at++) {
    const [from, to] = [edges[at]!, edges[at + 1]!];
    const running = spans
      .filter((span) => span.fromMs <= from && span.toMs >= to && span.toMs > span.fromMs)
      .map((span) => span.part);
    last = order.find((part) => running.includes(part)) ?? last;
    parts[last] += (to - from) / 1000;
  }
  return parts;
}
