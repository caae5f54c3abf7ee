import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { compareTrees } from "../../../test/fixtures/compare-trees.ts";
import { createSeededRandom } from "../../../test/fixtures/seeded-random.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let hands: string[];

/** Lifeboat creates the repository, stock restic fills it. */
beforeAll(async () => {
  place = createPlace();
  place.write("password", "correct horse\n");
  hands = handsOf("repository");
  const made = await place.run(["repo", "init", ...hands]);
  expect(made.code, made.err).toBe(0);
  await cheapenKey(place.at("repository"), "correct horse");
  mkdirSync(place.at("source/deep/er"), { recursive: true });
  writeFileSync(place.at("source/empty"), "");
  symlinkSync("letter.txt", place.at("source/link"));
  // What does not compress makes the pack of files the largest.
  writeFileSync(place.at("source/noise.bin"), createSeededRandom(7).bytes(400_000));
  for (const round of [1, 2]) {
    writeFileSync(place.at("source/letter.txt"), `letter ${round}\n`);
    for (let at = 0; at < 20; at++) writeFileSync(place.at(`source/deep/file-${at}.bin`), `content ${at}\n`.repeat(at * round));
    writeFileSync(place.at("source/deep/er/notes.conf"), "kept\n".repeat(3000));
    if (round === 1) linkSync(place.at("source/deep/er/notes.conf"), place.at("source/second-name"));
    restic("backup", "--host", "web1", "--tag", "asset=web1/files", "--time", `2026-11-0${round} 03:00:00`, place.at("source"));
  }
});
afterAll(() => place?.remove());

function handsOf(repository: string): string[] {
  return ["--repo", place.at(repository), "--password-file", place.at("password")];
}
function restic(...args: string[]): string {
  return resticAt("repository", ...args);
}
function resticAt(repository: string, ...args: string[]): string {
  const options = ["-r", place.at(repository), "--password-file", place.at("password"), "--no-cache", ...args];
  return execFileSync("restic", options, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
function copyOfRepository(name: string): string[] {
  execFileSync("cp", ["-a", place.at("repository"), place.at(name)]);
  return handsOf(name);
}
const snapshotsAt = (name: string) =>
  (JSON.parse(resticAt(name, "snapshots", "--json")) as { id: string; time: string; tags?: string[]; original?: string }[]).sort(
    (a, b) => (a.time < b.time ? -1 : 1),
  );

describe("tag", () => {
  test("adds, removes and sets as restic does, and keeps the lasting identity", async () => {
    const own = copyOfRepository("tagged");
    const [first, second] = snapshotsAt("tagged");
    const none = await place.run(["tag", ...own]);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining("--add")]);
    const both = await place.run(["tag", ...own, "--set", "a", "--add", "b"]);
    expect(both.code).toBe(2);
    const dry = await place.run(["tag", first!.id, ...own, "--add", "x", "--dry-run"]);
    expect([dry.code, snapshotsAt("tagged").map(({ id }) => id)]).toEqual([0, [first!.id, second!.id]]);
    const added = await place.run(["tag", first!.id, ...own, "--add", "b,c", "--remove", "c", "--json"]);
    expect(added.code, added.err).toBe(0);
    const [changed, summary] = jsonLines(added.out);
    expect(changed).toMatchObject({ message_type: "changed", old_snapshot_id: first!.id });
    expect(summary).toEqual({ message_type: "summary", changed_snapshots: 1 });
    expect(snapshotsAt("tagged")[0]).toMatchObject({
      id: changed!.new_snapshot_id,
      original: first!.id,
      tags: ["asset=web1/files", "b"],
    });
    // The old id still finds it; a second change keeps the first identity.
    const set = await place.run(["tag", first!.id, ...own, "--set", "one,two", "--set", "one"]);
    expect(set.code, set.err).toBe(0);
    expect(snapshotsAt("tagged")[0]).toMatchObject({ original: first!.id, tags: ["one", "two"] });
    const nothing = await place.run(["tag", "--tag", "two", ...own, "--add", "one"]);
    expect([nothing.code, nothing.err]).toEqual([0, expect.stringContaining("nothing to change")]);
    expect((await place.run(["tag", "--tag", "two", ...own, "--set", ""])).code).toBe(0);
    expect(snapshotsAt("tagged")[0]!.tags ?? []).toEqual([]);
    expect(resticAt("tagged", "check")).toContain("no errors");
  });
});

describe("stats", () => {
  test.each(["restore-size", "files-by-contents", "blobs-per-file", "raw-data"])("%s counts as restic does", async (mode) => {
    for (const words of [[], ["latest"]]) {
      const own = await place.run(["stats", ...words, ...hands, "--mode", mode, "--json"]);
      expect(own.code, own.err).toBe(0);
      const stock = JSON.parse(restic("stats", ...words, "--mode", mode, "--json")) as Record<string, number>;
      const ours = JSON.parse(own.out) as Record<string, number>;
      for (const [field, value] of Object.entries(stock)) expect(ours[field] ?? 0, `${mode} ${field}`).toBeCloseTo(value, 6);
    }
  });
});

describe("dump", () => {
  test("gives a folder, or everything, as an archive that GNU tar extracts to what was backed up", async () => {
    const archive = async (name: string, ...words: string[]) => {
      const out = execFileSync(process.execPath, [join(import.meta.dirname, "../bin/lifeboat.js"), "dump", ...words, ...hands], {
        env: { PATH: process.env.PATH, HOME: place.at("home"), XDG_STATE_HOME: place.at("state-home") },
        stdio: ["ignore", "pipe", "pipe"],
        maxBuffer: 64 * 1024 * 1024,
      });
      mkdirSync(place.at(name));
      execFileSync("tar", ["-x", "-C", place.at(name)], { input: out });
      return place.at(name);
    };
    const whole = await archive("whole", "latest");
    expect(await compareTrees(place.at("source"), join(whole, place.at("source")))).toEqual([]);
    const links = statSync(join(whole, place.at("source/second-name")));
    expect(links.nlink).toBe(2);
    const part = await archive("part", "latest", place.at("source/deep/er"));
    expect(readdirSync(join(part, place.at("source")))).toEqual(["deep"]);
    expect(readFileSync(join(part, place.at("source/deep/er/notes.conf")), "utf8")).toBe("kept\n".repeat(3000));
    const missing = await place.run(["dump", "latest", "/nowhere", ...hands]);
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining("/nowhere")]);
  });
});

describe("restore with patterns", () => {
  const restored = async (name: string, ...options: string[]) => {
    const run = await place.run(["restore", "latest", ...hands, "--to", place.at(name), ...options]);
    const root = join(place.at(name), place.at("source"));
    const names = existsSync(root) ? (readdirSync(root, { recursive: true }) as string[]).sort() : [];
    return { ...run, names };
  };
  test("--include brings what fits with the folders above it, --exclude leaves out what fits with all below", async () => {
    const some = await restored("included", "--include", "*.conf", "--include", "/**/file-1?.bin");
    expect(some.code, some.err).toBe(0);
    expect(some.err).toMatch(/^Plan {3}what fits '\*\.conf' or '\/\*\*\/file-1\?\.bin' of [0-9a-f]{8}, /m);
    const files = Array.from({ length: 10 }, (_, at) => `deep/file-1${at}.bin`);
    expect(some.names).toEqual(["deep", "deep/er", "deep/er/notes.conf", ...files].sort());
    // Folders have their own times and rights, as with everything.
    expect(statSync(join(place.at("included"), place.at("source/deep/er"))).mtimeMs).toBe(
      statSync(place.at("source/deep/er")).mtimeMs,
    );
    const without = await restored("excluded", "--exclude", "deep/");
    expect([without.code, without.names]).toEqual([0, ["empty", "letter.txt", "link", "noise.bin", "second-name"]]);
    expect(without.err).toMatch(/^Plan {3}everything, except 'deep\/', of [0-9a-f]{8}, /m);
    const both = await restored("both", "--iinclude", "DEEP", "--exclude", "*.bin", "--path", place.at("source"));
    expect(both.err).toContain(`Plan   what fits 'DEEP' in ${place.at("source")}, except '*.bin', of `);
    expect([both.code, both.names]).toEqual([0, ["deep", "deep/er", "deep/er/notes.conf"]]);
    const none = await restored("none", "--include", "*.nothing");
    expect([none.code, none.err]).toEqual([1, expect.stringContaining("nothing in the snapshot fits")]);
    expect(existsSync(place.at("none"))).toBe(false);
  });
});

describe("which snapshot", () => {
  test("an empty address, as of a variable that is not set, is none, whatever the command does", async () => {
    const own = copyOfRepository("empty-address");
    const before = snapshotsAt("empty-address");
    for (const address of ["", "web1/files@"]) {
      for (const words of [
        ["snapshots", "forget", address, "--yes"],
        ["tag", address, "--set", "x"],
        ["rewrite", address, "--exclude", "x"],
        ["snapshots", "show", address],
        ["ls", address],
      ]) {
        const run = await place.run([...words, ...own]);
        expect([run.code, run.err], words.join(" ")).toEqual([2, expect.stringContaining("does not say which snapshot")]);
      }
    }
    for (const words of [
      ["restore", "latest", "--to", ""],
      // It would have been a tag of all snapshots.
      ["tag", "--add", "x", ""],
    ]) {
      const run = await place.run([...words, ...own]);
      expect([run.code, run.err], words.join(" ")).toEqual([2, expect.stringContaining("its value is empty")]);
    }
    expect(snapshotsAt("empty-address")).toEqual(before);
  });

  test("what cannot be read may be the one that is meant: the rest is given with exit code 3, an id is not in doubt", async () => {
    const own = copyOfRepository("unreadable");
    const [older, newest] = snapshotsAt("unreadable");
    const path = place.at(`unreadable/snapshots/${newest!.id}`);
    execFileSync("chmod", ["u+w", path]);
    writeFileSync(path, "damaged");
    const latest = await place.run(["restore", "latest", ...own, "--to", place.at("in-doubt"), "--json"]);
    expect([latest.code, jsonLines(latest.out).at(-1)]).toMatchObject([3, { result: "incomplete", snapshot_id: older!.id }]);
    const listed = await place.run(["ls", "latest", ...own]);
    expect([listed.code, listed.err]).toEqual([3, expect.stringContaining("'latest' may mean one that cannot be read")]);
    expect((await place.run(["snapshots", "show", "latest", ...own])).code).toBe(3);
    expect((await place.run(["restore", older!.id, ...own, "--to", place.at("no-doubt")])).code).toBe(0);
  });
});

test("names that no terminal takes can be given back as they are shown", async () => {
  const own = copyOfRepository("odd-names");
  const folder = Buffer.from(`${place.at("strange")}\xff`, "latin1");
  mkdirSync(folder);
  const names = ["new\nline", "tab\tand\xfe", "plain\\x0a", "bell\x07"];
  for (const name of names)
    writeFileSync(Buffer.concat([folder, Buffer.from(`/${name}`, "latin1")]), `content of ${names.indexOf(name)}\n`);
  execFileSync("sh", [
    "-c",
    `restic -r "$1" --password-file "$2" --no-cache backup -q ${place.at("strange")}*`,
    "sh",
    place.at("odd-names"),
    place.at("password"),
  ]);
  const shown = (await place.run(["find", "*", "--snapshot", "latest", ...own])).out
    .trim()
    .split("\n")
    .map((line) => line.trim());
  const paths = shown.filter((line) => line.includes("/strange") && line.split("/").at(-1)?.startsWith("strange") === false);
  expect(paths).toHaveLength(names.length);
  const contents = new Set<string>();
  for (const path of paths) {
    const there = await place.run(["cat", `latest:${path}`, ...own]);
    expect(there.code, there.err).toBe(0);
    contents.add(there.out);
    expect((await place.run(["cat", "latest", path, ...own])).out).toBe(there.out);
  }
  expect(contents).toEqual(new Set(names.map((_, at) => `content of ${at}\n`)));
  const one = paths.find((path) => path.endsWith("line"))!;
  const restored = await place.run(["restore", `latest:${one}`, ...own, "--to", place.at("one-odd"), "--json"]);
  expect([restored.code, jsonLines(restored.out).at(-1)]).toMatchObject([0, { files_restored: 1 }]);
  const unknown = await place.run(["cat", `latest:${one}\\x0b`, ...own]);
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("the snapshot holds no")]);
});

describe("objects by hand", () => {
  test("repo list and repo cat show what restic shows", async () => {
    const list = async (kind: string) => (await place.run(["repo", "list", kind, ...hands])).out.trim().split("\n").sort();
    for (const kind of ["packs", "index", "snapshots", "keys", "blobs"]) {
      expect(await list(kind), kind).toEqual(restic("list", kind).trim().split("\n").sort());
    }
    const [snapshot] = await list("snapshots");
    const cat = async (...words: string[]) => (await place.run(["repo", "cat", ...words, ...hands])).out;
    const same = async (kind: string, id: string) =>
      expect(JSON.parse(await cat(kind, id))).toEqual(JSON.parse(restic("cat", kind, id)));
    await same("snapshot", snapshot!);
    expect(JSON.parse(await cat("snapshot", snapshot!.slice(0, 10)))).toHaveProperty("tree");
    await same("index", (await list("index"))[0]!);
    await same("key", (await list("keys"))[0]!);
    expect(JSON.parse(await cat("config"))).toMatchObject(JSON.parse(restic("cat", "config")));
    const { tree } = JSON.parse(restic("cat", "snapshot", snapshot!)) as { tree: string };
    expect(await cat("tree", tree)).toBe(restic("cat", "blob", tree));
    const wrong = await place.run(["repo", "cat", "masterkey", ...hands]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("none of")]);
    expect((await place.run(["repo", "cat", "snapshot", "zz", ...hands])).code).toBe(2);
  });
});

describe("repo repair", () => {
  test("packs and then snapshots: what opens is kept, what is lost is named, and stock restic finds no fault", async () => {
    const own = copyOfRepository("damaged");
    const find = ["-c", `find ${place.at("damaged/data")} -type f -printf '%s %f\\n' | sort -n | tail -1 | cut -d' ' -f2`];
    const pack = execFileSync("sh", find, { encoding: "utf8" }).trim();
    const path = place.at(`damaged/data/${pack.slice(0, 2)}/${pack}`);
    execFileSync("chmod", ["u+w", path]);
    const bytes = readFileSync(path);
    bytes[100]! ^= 1;
    writeFileSync(path, bytes);
    const found = await place.run(["repo", "check", "--read-data", ...own]);
    expect([found.code, found.err]).toEqual([6, expect.stringContaining(pack)]);
    expect((await place.run(["repo", "repair", "packs", ...own])).code).toBe(2);
    const dry = await place.run(["repo", "repair", "packs", pack, ...own, "--dry-run", "--json"]);
    expect(dry.code, dry.err).toBe(0);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    mkdirSync(place.at("kept"));
    const done = await place.run(["repo", "repair", "packs", pack, ...own, "--keep", place.at("kept"), "--json"]);
    expect(done.code, done.err).toBe(0);
    const summary = jsonLines(done.out).at(-1) as { packs: { blobs_salvaged: number; blobs_lost: object[] }[] };
    expect(summary.packs[0]!.blobs_lost).toHaveLength(1);
    expect(summary.packs[0]!.blobs_salvaged).toBeGreaterThan(2);
    expect(readFileSync(place.at(`kept/pack-${pack}`)).equals(bytes)).toBe(true);
    const again = await place.run(["repo", "repair", "packs", pack, ...own]);
    expect([again.code, again.err]).toEqual([
      0,
      expect.stringMatching(/ is in no index and not in the store: there is nothing to do .*\n {2}next .*lifeboat repo check/),
    ]);
    const plan = await place.run(["repo", "repair", "snapshots", ...own, "--dry-run"]);
    expect([plan.code, plan.out, plan.err]).toEqual([
      0,
      expect.stringMatching(/^repair /),
      expect.stringContaining("loses content"),
    ]);
    const asks = await place.run(["repo", "repair", "snapshots", ...own, "--forget"]);
    expect(asks.code).toBe(9);
    const beside = await place.run(["repo", "repair", "snapshots", ...own]);
    expect(beside.code, beside.err).toBe(0);
    expect(snapshotsAt("damaged").some(({ tags }) => tags?.includes("repaired"))).toBe(true);
    const shown = JSON.parse((await place.run(["snapshots", "--json", ...own])).out) as { id: string }[];
    expect(shown.map(({ id }) => id).sort()).toEqual(
      snapshotsAt("damaged")
        .map(({ id }) => id)
        .sort(),
    );
    const forget = await place.run(["repo", "repair", "snapshots", ...own, "--forget", "--yes", "--json"]);
    expect(forget.code, forget.err).toBe(0);
    const whole = await place.run(["repo", "repair", "snapshots", ...own]);
    expect([whole.code, whole.err]).toEqual([0, expect.stringContaining("all whole")]);
    expect(resticAt("damaged", "check", "--read-data")).toContain("no errors");
  });

  test("roots: a snapshot that was forgotten comes back as long as its data is there", async () => {
    const own = copyOfRepository("forgotten");
    const nothing = await place.run(["repo", "repair", "roots", ...own]);
    expect([nothing.code, nothing.err]).toEqual([0, expect.stringContaining("nothing to recover")]);
    const [first] = snapshotsAt("forgotten");
    resticAt("forgotten", "forget", first!.id);
    const { tree } = JSON.parse(restic("cat", "snapshot", first!.id)) as { tree: string };
    const dry = await place.run(["repo", "repair", "roots", ...own, "--dry-run"]);
    expect([dry.code, dry.err]).toEqual([0, expect.stringContaining(tree)]);
    const done = await place.run(["repo", "repair", "roots", ...own, "--json"]);
    expect(done.code, done.err).toBe(0);
    const { snapshot_id: id, roots } = jsonLines(done.out).at(-1) as { snapshot_id: string; roots: string[] };
    expect(roots).toEqual([tree]);
    const listed = resticAt("forgotten", "ls", id);
    expect(listed).toContain(`/${tree.slice(0, 8)}${place.at("source/letter.txt")}`);
    expect(resticAt("forgotten", "dump", id, `/${tree.slice(0, 8)}${place.at("source/letter.txt")}`)).toBe("letter 1\n");
    expect(snapshotsAt("forgotten").at(-1)).toMatchObject({ id, tags: ["recovered"] });
    expect(resticAt("forgotten", "check")).toContain("no errors");
  });
});

describe("the cache", () => {
  test("is where --cache-dir says, for a folder only when it is asked for, and never with --no-cache", async () => {
    expect((await place.run(["ls", "latest", ...hands])).code).toBe(0);
    expect(existsSync(place.at("home/.cache"))).toBe(false);
    const cached = ["--cache-dir", place.at("cache")];
    expect((await place.run(["ls", "latest", ...hands, ...cached])).code).toBe(0);
    const { id } = JSON.parse(restic("cat", "config")) as { id: string };
    const kept = ["index", "snapshots", "data"].map((kind) => readdirSync(place.at(`cache/${id}/${kind}`)).length);
    expect(kept).toEqual([expect.any(Number), 2, expect.any(Number)]);
    expect(Math.min(...kept)).toBeGreaterThan(0);
    expect((await place.run(["ls", "latest", ...hands, ...cached, "--no-cache"])).code).toBe(0);
    // All of it can be lost, and all of it can be wrong.
    for (const kind of ["index", "snapshots", "data"]) {
      for (const file of readdirSync(place.at(`cache/${id}/${kind}`)))
        writeFileSync(place.at(`cache/${id}/${kind}/${file}`), "wrong");
    }
    const right = await place.run(["ls", "latest", "-r", ...hands]);
    const wrong = await place.run(["ls", "latest", "-r", ...hands, ...cached]);
    expect([wrong.code, wrong.out]).toEqual([0, right.out]);
    writeFileSync(place.at("no-folder"), "");
    const off = await place.run(["ls", "latest", "-r", ...hands, "--cache-dir", place.at("no-folder/below")]);
    expect([off.code, off.out, off.err]).toEqual([0, right.out, expect.not.stringContaining("error")]);
  });
});
