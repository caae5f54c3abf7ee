import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { findStockRestic } from "../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const later = await findStockRestic("0.18");
let place: Place;

const times = [
  "2024-02-29 10:00:00",
  "2025-12-31 23:30:00",
  "2026-08-31 04:00:00",
  "2026-10-30 04:00:00",
  "2026-10-31 04:00:00",
  "2026-10-31 16:00:00",
  "2026-11-01 04:00:00",
  "2026-11-29 04:00:00",
  "2026-11-30 04:00:00",
  "2026-11-30 04:30:00",
];

beforeAll(async () => {
  place = createPlace();
  place.write("password", "correct horse\n");
  const made = await place.run(["repo", "init", ...handsOf("repository")]);
  expect(made.code, made.err).toBe(0);
  await cheapenKey(place.at("repository"), "correct horse");
  mkdirSync(place.at("source"));
  for (const [at, time] of times.entries()) {
    writeFileSync(place.at("source/letter.txt"), `letter ${at}\n`);
    const tags = at % 3 === 0 ? ["--tag", "asset=web1/files,third"] : ["--tag", "asset=web1/files"];
    restic("repository", "backup", "--host", "web1", ...tags, "--time", time, place.at("source"));
  }
});
afterAll(() => place?.remove());

function handsOf(repository: string): string[] {
  return ["--repo", place.at(repository), "--password-file", place.at("password")];
}

function restic(repository: string, ...args: string[]): string {
  return resticOf("/usr/bin/restic", repository, ...args);
}

function resticOf(program: string, repository: string, ...args: string[]): string {
  const options = ["-r", place.at(repository), "--password-file", place.at("password"), "--no-cache", ...args];
  return execFileSync(program, options, { encoding: "utf8", env: { PATH: "/usr/bin:/bin", HOME: place.at("home"), TZ: "UTC" } });
}

function copyOfRepository(name: string): string[] {
  execFileSync("cp", ["-a", place.at("repository"), place.at(name)]);
  return handsOf(name);
}

interface Listed {
  readonly id: string;
  readonly time: string;
  readonly tags: readonly string[];
  readonly original?: string;
}

function listed(repository: string): Listed[] {
  return JSON.parse(restic(repository, "snapshots", "--json", "--no-lock")) as Listed[];
}

interface ForgetGroup {
  readonly keep: readonly { readonly id: string }[];
  readonly remove: readonly { readonly id: string }[] | null;
  readonly reasons: readonly { readonly snapshot: { readonly id: string }; readonly matches: readonly string[] }[];
}

describe("snapshots forget", () => {
  test.skipIf("missing" in later)("decides as stock restic does, and gives its reasons (needs restic 0.18)", async () => {
    const { path } = later as { path: string };
    const rules = [
      ["--keep-last", "3"],
      ["--keep-daily", "3", "--keep-monthly", "2", "--keep-yearly", "5"],
      ["--keep-hourly", "unlimited"],
      ["--keep-weekly", "unlimited", "--keep-tag", "third"],
      ["--keep-within", "1m"],
      ["--keep-within", "2y9m1d"],
      ["--keep-within-daily", "1m", "--keep-within-monthly", "1y"],
      ["--keep-last", "1", "--group-by", "host,tags"],
      ["--keep-tag", "asset=web1/files,third", "--group-by", ""],
    ];
    const facts = (groups: readonly ForgetGroup[]) =>
      groups
        .map(({ keep, remove, reasons }) => ({
          keep: keep.map(({ id }) => id).sort(),
          remove: (remove ?? []).map(({ id }) => id).sort(),
          reasons: reasons.map(({ snapshot, matches }) => [snapshot.id, [...matches].sort()]).sort(),
        }))
        .sort((a, b) => (a.keep[0]! < b.keep[0]! ? -1 : 1));
    for (const rule of rules) {
      const own = await place.run(["snapshots", "forget", ...rule, ...handsOf("repository"), "--dry-run", "--json"]);
      expect(own.code, own.err).toBe(0);
      const stock = resticOf(path, "repository", "forget", ...rule, "--dry-run", "--json", "--no-lock");
      expect(facts(JSON.parse(own.out) as ForgetGroup[]), rule.join(" ")).toEqual(facts(JSON.parse(stock) as ForgetGroup[]));
    }
    expect(listed("repository")).toHaveLength(times.length);
  });

  test("asks, forgets what the rule does not keep, and one by its id", async () => {
    const own = copyOfRepository("forgotten");
    const rule = ["snapshots", "forget", ...own, "--keep-last", "2"];
    expect((await place.run(rule)).code).toBe(9);
    const before = listed("forgotten");
    expect(before).toHaveLength(times.length);
    const done = await place.run([...rule, "--yes"]);
    expect([done.code, done.err]).toEqual([0, expect.stringContaining("forgot 8 snapshots, 2 stay")]);
    expect(done.out).toMatch(/^ {2}keep {4}[0-9a-f]{8} .*last snapshot$/m);
    expect(listed("forgotten").map(({ id }) => id)).toEqual(before.slice(-2).map(({ id }) => id));
    const one = await place.run(["snapshots", "forget", before.at(-1)!.id.slice(0, 8), ...own, "--yes"]);
    expect(one.code, one.err).toBe(0);
    expect(listed("forgotten").map(({ id }) => id)).toEqual([before.at(-2)!.id]);
    expect(restic("forgotten", "check")).toContain("no errors");
  });

  test("refuses a rule that keeps nothing, a rule beside ids, and neither of them", async () => {
    const run = async (...words: string[]) => {
      const { code, err } = await place.run(["snapshots", "forget", ...handsOf("repository"), "--yes", ...words]);
      return [code, err];
    };
    expect(await run("--keep-tag", "mistyped")).toEqual([2, expect.stringContaining("keeps none of 10 snapshots")]);
    expect(await run()).toEqual([2, expect.stringContaining("--keep-last")]);
    expect(await run("latest", "--keep-last", "1")).toEqual([2, expect.stringContaining("leave one of them out")]);
    expect(await run("--keep-last", "many")).toEqual([2, expect.stringContaining('"many"')]);
    expect(await run("--keep-within", "7x")).toEqual([2, expect.stringContaining('"7x"')]);
    expect(listed("repository")).toHaveLength(times.length);
  });
});

describe("pins", () => {
  test("survive a rule and a forget by id, keep the data, and go again", async () => {
    const own = copyOfRepository("pinned");
    const before = listed("pinned");
    const oldest = before[0]!.id;
    const dry = await place.run(["snapshots", "pin", oldest.slice(0, 8), ...own, "--dry-run"]);
    expect([dry.code, dry.err]).toEqual([0, expect.stringContaining("would pin")]);
    expect(listed("pinned")).toEqual(before);
    const pinned = await place.run(["snapshots", "pin", oldest.slice(0, 8), ...own, "--json"]);
    expect(pinned.code, pinned.err).toBe(0);
    const { changed } = jsonLines(pinned.out)[0] as { changed: { from: string; to: string; original: string }[] };
    expect(changed).toMatchObject([{ from: oldest, original: oldest }]);
    const now = listed("pinned");
    expect(now).toHaveLength(times.length);
    expect(now[0]).toMatchObject({
      id: changed[0]!.to,
      original: oldest,
      time: before[0]!.time,
      tags: [...before[0]!.tags, "pin"],
    });
    const again = await place.run(["snapshots", "pin", oldest.slice(0, 8), ...own]);
    expect([again.code, again.err]).toEqual([0, expect.stringContaining("pinned already")]);
    const list = await place.run(["snapshots", "--pinned", ...own]);
    expect([list.out, list.err]).toEqual([
      expect.stringContaining("web1/files (pinned)"),
      expect.stringContaining("1 of 10 snapshots"),
    ]);

    const refused = await place.run(["snapshots", "forget", oldest, ...own, "--yes"]);
    expect([refused.code, refused.err]).toEqual([4, expect.stringMatching(/\[snapshot-pinned\][\s\S]*unpin/)]);
    expect((await place.run(["snapshots", "forget", "--keep-last", "1", ...own, "--yes"])).code).toBe(0);
    expect(listed("pinned").map(({ id }) => id)).toEqual([changed[0]!.to, before.at(-1)!.id]);
    // Stock restic's own rule keeps it by the tag.
    expect(restic("pinned", "forget", "--keep-tag", "pin", "--group-by", "host", "--dry-run")).toContain(
      changed[0]!.to.slice(0, 8),
    );
    const unpinned = await place.run(["snapshots", "unpin", oldest.slice(0, 8), ...own]);
    expect(unpinned.code, unpinned.err).toBe(0);
    expect(listed("pinned")[0]).toMatchObject({ original: oldest, tags: before[0]!.tags });
    expect(restic("pinned", "check", "--read-data")).toContain("no errors");
  });
});

test("snapshots show tells what is known of one, as text and with restic's fields", async () => {
  const { id } = listed("repository").at(-1)!;
  const text = await place.run(["snapshots", "show", "latest", ...handsOf("repository")]);
  expect([text.code, text.err]).toEqual([0, ""]);
  expect(text.out).toMatch(new RegExp(`^id +${id}\\n`));
  expect(text.out).toMatch(/^of +web1\/files$/m);
  expect(text.out).toMatch(/^pinned +no$/m);
  const json = await place.run(["snapshots", "show", id.slice(0, 8), ...handsOf("repository"), "--json"]);
  expect(jsonLines(json.out)[0]).toMatchObject({ id, short_id: id.slice(0, 8), hostname: "web1", pinned: false });
  expect((await place.run(["snapshots", "show", "ffff", ...handsOf("repository")])).code).toBe(1);
  // A word that is no verb names an asset, as before.
  expect((await place.run(["snapshots", "web1/files", ...handsOf("repository")])).err).toContain("10 snapshots");
});

describe("rewrite", () => {
  test("erases a path from the snapshots that hold it, after a plan and a yes", async () => {
    const own = copyOfRepository("rewritten");
    writeFileSync(place.at("source/Secret.key"), "secret\n");
    restic(
      "rewritten",
      "backup",
      "--host",
      "web1",
      "--tag",
      "asset=web1/files",
      "--time",
      "2026-12-01 04:00:00",
      place.at("source"),
    );
    const before = listed("rewritten");
    const none = await place.run(["rewrite", ...own]);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining("--exclude")]);
    const dry = await place.run(["rewrite", ...own, "--iexclude", "secret.*", "--dry-run"]);
    expect([dry.code, dry.out]).toEqual([0, expect.stringMatching(/^rewrite [0-9a-f]{8} .* 1 file, 0 folders, 7 B\n$/)]);
    expect(dry.err).toMatch(/Secret\.key[\s\S]*1 snapshot to be rewritten, 10 stay as they are/);
    expect(listed("rewritten")).toEqual(before);
    const nothing = await place.run(["rewrite", ...own, "--exclude", "secret.*"]);
    expect([nothing.code, nothing.err]).toEqual([0, expect.stringContaining("nothing fits")]);
    expect((await place.run(["rewrite", ...own, "--exclude", "*.key"])).code).toBe(9);
    const done = await place.run(["rewrite", ...own, "--exclude", "*.key", "--yes", "--json"]);
    expect(done.code, done.err).toBe(0);
    const old = before.at(-1)!.id;
    expect(jsonLines(done.out).at(-1)).toMatchObject({
      message_type: "summary",
      changed: [{ from: old, original: old }],
      unchanged: 10,
    });
    expect(restic("rewritten", "ls", "latest")).not.toContain("Secret");
    expect(restic("rewritten", "ls", "latest")).toContain("letter.txt");
    expect(restic("rewritten", "check", "--read-data")).toContain("no errors");
  });
});
