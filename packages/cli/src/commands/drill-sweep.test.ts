import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createPlace, jsonLines, type Place } from "../test-command-line.ts";

vi.setConfig({ testTimeout: 300_000 });

let place: Place;
beforeEach(() => {
  place = createPlace();
  mkdirSync(place.at("state/drills"), { recursive: true });
});
afterEach(() => place.remove());

function leave(drill: string, expiresAtMs: number, host: string | null = null): void {
  mkdirSync(place.at(drill));
  const head = { schema: "lifeboat.drill-journal/1", drill, run: `${drill}_1`, expiresAtMs };
  const thing = { host, kind: "tree", path: place.at(drill), what: "target dir" };
  place.write(`state/drills/${drill}.jsonl`, `${JSON.stringify(head)}\n${JSON.stringify(thing)}\n`);
}

const sweep = (...more: string[]) => place.run(["drill", "sweep", "--state", place.at("state"), ...more]);
const future = 8e12;

test("a sweep takes what is over; what is kept needs the drill's name and a yes", async () => {
  leave("killed", 0);
  leave("kept", future);
  leave("other", future);
  const first = await sweep("--json");
  expect([first.code, first.err]).toEqual([0, ""]);
  expect(jsonLines(first.out)).toMatchObject([
    { message_type: "kept", drill: "kept", run: "kept_1", things: 1, until: new Date(future).toISOString() },
    { message_type: "kept", drill: "other" },
    { message_type: "swept", drill: "killed", run: "killed_1", things: [{ state: "removed" }] },
    { message_type: "summary", drills: 1, removed: 1, left: 0 },
  ]);
  const nothing = await sweep();
  expect([nothing.code, nothing.err]).toEqual([
    0,
    expect.stringMatching(
      /kept: 1 thing of a drill that is under way or was killed, due 2223-[\s\S]*lifeboat drill sweep other\n[\s\S]*nothing to sweep/,
    ),
  ]);
  const asked = await sweep("kept");
  expect([asked.code, existsSync(place.at("kept"))]).toEqual([9, true]);
  const second = await sweep("kept", "--yes");
  expect([second.code, second.out + second.err]).toEqual([0, expect.stringContaining("1 thing removed, 0 left")]);
  expect(["killed", "kept", "other"].map((name) => existsSync(place.at(name)))).toEqual([false, false, true]);
  expect(readdirSync(place.at("state/drills"))).toEqual(["other.jsonl"]);
});

test("what cannot be removed is named, stays in its journal, and the exit code tells it", async () => {
  leave("far", 0, "gone1");
  const { code, err } = await sweep();
  expect([code, err]).toEqual([3, expect.stringMatching(/far \(target dir\) on gone1 is left: there is no host "gone1"/)]);
  expect(readdirSync(place.at("state/drills"))).toEqual(["far.jsonl"]);
});
