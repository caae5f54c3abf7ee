import { expect, it } from "vitest";
import { measureParts } from "./measure-parts.ts";

it("parts of parallel work add up to the whole, and a moment counts for the most essential work", () => {
  const parts = measureParts(
    [
      { part: "queue", fromMs: 0, toMs: 10_000 },
      { part: "provision", fromMs: 10_000, toMs: 15_000 },
      { part: "load", fromMs: 15_000, toMs: 45_000 },
      { part: "transfer", fromMs: 15_000, toMs: 25_000 },
      { part: "checks", fromMs: 26_000, toMs: 27_000 },
      { part: "checks", fromMs: 45_000, toMs: 50_000 },
      { part: "application", fromMs: 52_000, toMs: 60_000 },
    ],
    0,
    58_000,
  );
  // Idle from 50 to 52: counted for what was under way before.
  expect(parts).toEqual({ queue: 10, provision: 5, transfer: 10, load: 20, checks: 7, application: 6 });
});
