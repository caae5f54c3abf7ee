import { LifeboatError } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import type { Snapshot } from "../format/index.ts";
import { findSnapshot, parseSnapshotAddress } from "./find-snapshot.ts";

const zone = { now: Date.parse("2026-11-22T12:00:00+01:00"), timezone: "Europe/Berlin" };
let counter = 0;
function snapshot(time: string, id: string, fields: Partial<Snapshot> = {}): Snapshot {
  counter++;
  const asset = "web1/uploads";
  return {
    id: id.padEnd(64, String(counter % 10)),
    time,
    tree: "0".repeat(64),
    paths: ["/srv"],
    hostname: "web1",
    tags: [`asset=${asset}`],
    ...fields,
  };
}
const all = [
  snapshot("2026-11-19T23:30:00Z", "aaaa1111"), // the 20th in Berlin
  snapshot("2026-11-20T03:00:00+01:00", "aaaa2222"),
  snapshot("2026-11-20T22:00:00+01:00", "bbbb3333"),
  snapshot("2026-11-21T03:00:00+01:00", "cccc4444", { original: `dddd${"0".repeat(60)}` }),
  snapshot("2026-11-22T03:00:00+01:00", "12345678", { hostname: "db1", tags: ["asset=db1/shop"], paths: ["/db1/shop.dump"] }),
];
const find = (address: string, filter = {}) => findSnapshot(all, address, { ...zone, ...filter });
const found = (address: string, filter = {}) => find(address, filter).snapshot.id.slice(0, 8);
function failure(address: string, filter = {}): LifeboatError {
  try {
    find(address, filter);
  } catch (error) {
    if (error instanceof LifeboatError) return error;
  }
  throw new Error(`${address} was found`);
}

describe("finding a snapshot by its address", () => {
  it("reads every form of WHEN in the time zone's own clock", () => {
    expect(found("latest")).toBe("12345678");
    expect(found("bbbb")).toBe("bbbb3333");
    expect(found("AAAA1")).toBe("aaaa1111");
    expect(found("2026-11-21")).toBe("cccc4444");
    expect(found("1d")).toBe("cccc4444");
    expect(found("33h")).toBe("cccc4444");
    expect(found("34h")).toBe("bbbb3333");
    expect(found("2026-11-20 04:00")).toBe("aaaa2222");
    expect(found("2026-11-20T03:00:00+01:00")).toBe("aaaa2222");
    expect(found("before 2026-11-20 03:00")).toBe("aaaa1111");
    expect(found("before 2026-11-21")).toBe("bbbb3333");
    expect(found("before 1d")).toBe("cccc4444");
  });

  it("takes the last of a day and tells how many others there are", () => {
    const day = find("2026-11-20");
    expect(day.snapshot.id.slice(0, 8)).toBe("bbbb3333");
    expect(day.othersThatDay).toBe(2);
    expect(find("2026-11-21").othersThatDay).toBe(0);
    expect(findSnapshot(all, "2026-11-20", { ...zone, timezone: "UTC" }).othersThatDay).toBe(1);
  });

  it("knows the length of days at the change of clocks", () => {
    // 2026-10-25 has 25 hours in Berlin.
    const late = [snapshot("2026-10-25T22:59:59Z", "eeee"), snapshot("2026-10-25T23:00:00Z", "ffff")];
    expect(findSnapshot(late, "2026-10-25", zone).snapshot.id.slice(0, 4)).toBe("eeee");
    expect(findSnapshot(late, "2026-10-26", zone).snapshot.id.slice(0, 4)).toBe("ffff");
  });

  it("narrows by asset, host, path and tag", () => {
    expect(found("web1/uploads@latest")).toBe("cccc4444");
    expect(found("web1/uploads")).toBe("cccc4444");
    expect(found("latest", { host: "web1" })).toBe("cccc4444");
    expect(found("latest", { paths: ["/srv"] })).toBe("cccc4444");
    expect(found("latest", { tags: ["asset=db1/shop"] })).toBe("12345678");
    expect(failure("web1/uploads@12345678").code).toBe("snapshot-not-found");
    expect(failure("web2/uploads").message).toBe("there is no snapshot of web2/uploads");
  });

  it("refuses an id that fits several, and names them", () => {
    const error = failure("aaaa");
    expect(error.code).toBe("usage");
    expect(error.message).toMatch(/fits 2 snapshots: aaaa1111\w*, aaaa2222/);
  });

  it("finds a copy by the id that it has at its source", () => {
    expect(found("dddd")).toBe("cccc4444");
  });

  it("says what there is when nothing fits", () => {
    const error = failure("2026-11-18");
    expect(error.code).toBe("snapshot-not-found");
    expect(error.message).toBe('no snapshot fits "2026-11-18"; there are 5, from 2026-11-20 00:30 to 2026-11-22 03:00');
    expect(failure("9d").code).toBe("snapshot-not-found");
    for (const text of ["yesterday", "2026-02-31", "2026-11-20 25:00", "abc", "before", "before abcdef12"])
      expect(failure(text).code, text).toBe("usage");
  });
});

it("splits an address into asset, when and path", () => {
  expect(parseSnapshotAddress("web1/uploads@2026-11-20 14:00:/srv/a:/b")).toEqual({
    asset: "web1/uploads",
    when: "2026-11-20 14:00",
    path: "/srv/a:/b",
  });
  expect(parseSnapshotAddress("web1/uploads:/srv")).toEqual({ asset: "web1/uploads", when: "latest", path: "/srv" });
  expect(parseSnapshotAddress("latest:/etc")).toEqual({ when: "latest", path: "/etc" });
});

it.each(["", " ", "web1/uploads@", "@", "@latest", ":/etc", "web1/uploads@:/etc"])(
  'takes "%s" for no snapshot: a variable was empty',
  (text) => {
    expect(() => parseSnapshotAddress(text)).toThrow("does not say which snapshot");
  },
);
