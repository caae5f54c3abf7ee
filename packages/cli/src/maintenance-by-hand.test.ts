import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { openObjectStore, openRepository, type Repository, RepositoryLock } from "@lifeboat/engine";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
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
  mkdirSync(place.at("source/deep"), { recursive: true });
  // What does not get smaller makes a pack of files the largest; all else here is compressed to less than its folders.
  writeFileSync(place.at("source/noise"), randomBytes(100_000));
  for (const round of [1, 2, 3]) {
    writeFileSync(place.at("source/letter.txt"), `letter ${round}\n`);
    for (let at = 0; at < 30; at++) writeFileSync(place.at(`source/deep/file-${at}`), `content ${at}\n`.repeat(at * round));
    restic("backup", "--host", "web1", "--tag", "asset=web1/files", "--time", `2026-11-0${round} 03:00:00`, place.at("source"));
  }
});
afterAll(() => place?.remove());

function handsOf(repository: string, password = "password"): string[] {
  return ["--repo", place.at(repository), "--password-file", place.at(password)];
}

function restic(...args: string[]): string {
  return resticAt("repository", "password", ...args);
}

function resticAt(repository: string, password: string, ...args: string[]): string {
  const options = ["-r", place.at(repository), "--password-file", place.at(password), "--no-cache", ...args];
  return execFileSync("restic", options, { encoding: "utf8" });
}

function copyOfRepository(name: string): string[] {
  execFileSync("cp", ["-a", place.at("repository"), place.at(name)]);
  return handsOf(name);
}

describe("keys", () => {
  test("are added, listed, changed and removed; the one in use stays", async () => {
    const own = copyOfRepository("keys");
    place.write("second", "battery staple\n");
    place.write("third", "hunter2\n");
    const missing = await place.run(["key", "add", ...own]);
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining("--new-password-file")]);
    const added = await place.run(["key", "add", ...own, "--new-password-file", place.at("second"), "--user", "alice", "--json"]);
    expect(added.code, added.err).toBe(0);
    const { id } = jsonLines(added.out)[0] as { id: string };
    const listed = await place.run(["key", "list", ...own]);
    expect(listed.out).toMatch(new RegExp(`^ +${id.slice(0, 8)} +alice`, "m"));
    expect(listed.out).toMatch(/^\* +[0-9a-f]{8}/m);
    expect(JSON.parse(resticAt("keys", "second", "key", "list", "--json"))).toHaveLength(2);
    const changed = await place.run(["key", "passwd", ...handsOf("keys", "second"), "--new-password-file", place.at("third")]);
    expect(changed.code, changed.err).toBe(0);
    expect((await place.run(["key", "list", ...handsOf("keys", "second")])).code).toBe(12);
    const keys = JSON.parse((await place.run(["key", "list", ...own, "--json"])).out) as { id: string; current: boolean }[];
    const inUse = keys.find(({ current }) => current)!.id;
    const other = keys.find(({ current }) => !current)!.id;
    const refused = await place.run(["key", "remove", inUse, ...own]);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("the one in use")]);
    const asked = await place.run(["key", "remove", other.slice(0, 8), ...own]);
    expect([asked.code, asked.err]).toEqual([9, expect.stringContaining("--yes")]);
    const removed = await place.run(["key", "remove", other.slice(0, 8), ...own, "--yes"]);
    expect(removed.code, removed.err).toBe(0);
    expect((await place.run(["key", "list", ...handsOf("keys", "third")])).code).toBe(12);
    expect(resticAt("keys", "password", "check")).toContain("no errors");
  });
});

describe("repo check", () => {
  test("reads parts, shares and sizes as restic writes them, and refuses what is none", async () => {
    const read = async (subset: string) => {
      const { code, out, err } = await place.run(["repo", "check", ...hands, "--read-data-subset", subset, "--json"]);
      expect(code, err).toBe(0);
      return (jsonLines(out).at(-1) as { bytes_read: number }).bytes_read;
    };
    const parts = [await read("1/2"), await read("2/2")];
    const all = await read("100%");
    expect(parts[0]! + parts[1]!).toBe(all);
    expect(await read("500M")).toBe(all);
    for (const wrong of ["3/2", "1/300", "0%", "5", "101%"]) {
      const { code, err } = await place.run(["repo", "check", ...hands, "--read-data-subset", wrong]);
      expect([code, err], wrong).toEqual([2, expect.stringContaining(`"${wrong}"`)]);
    }
  });

  test("with --no-lock it leaves nothing behind, and goes on beside an exclusive lock", async () => {
    const own = copyOfRepository("frozen");
    const clock = { now: () => Date.now(), sleep: async () => undefined };
    const location = { url: place.at("frozen") };
    const repository = await openRepository({ store: await openObjectStore(location, { clock }) }, "correct horse");
    onTestFinished(() => repository.close());
    const owner = { hostname: "elsewhere", username: "root", pid: 1 };
    const lock = await RepositoryLock.acquire(repository, { exclusive: true, owner, clock });
    onTestFinished(() => lock.release());
    const before = execFileSync("find", [place.at("frozen"), "-type", "f"], { encoding: "utf8" });
    const { code, err } = await place.run(["repo", "check", ...own, "--no-lock"]);
    expect(code, err).toBe(0);
    expect(err).toContain("sound");
    expect(execFileSync("find", [place.at("frozen"), "-type", "f"], { encoding: "utf8" })).toBe(before);
  });
});

describe("repo repair index", () => {
  test("brings a lost index back, and names what a lost pack held with exit code 6", async () => {
    const own = copyOfRepository("broken");
    execFileSync("sh", ["-c", `rm ${place.at("broken/index")}/*`]);
    const dry = await place.run(["repo", "repair", "index", ...own, "--dry-run"]);
    expect([dry.code, dry.err]).toEqual([0, expect.stringContaining("nothing was changed")]);
    expect(execFileSync("ls", [place.at("broken/index")], { encoding: "utf8" })).toBe("");
    const done = await place.run(["repo", "repair", "index", ...own]);
    expect([done.code, done.err]).toEqual([0, expect.stringMatching(/✓ sound: 3 snapshots/)]);
    expect(resticAt("broken", "password", "check", "--read-data")).toContain("no errors");
    const whole = await place.run(["repo", "repair", "index", ...own]);
    expect([whole.code, whole.err]).toEqual([0, expect.stringContaining("nothing to repair")]);
    // The smallest packs hold folders: the largest holds files.
    execFileSync("sh", [
      "-c",
      `rm -f "$(find ${place.at("broken/data")} -type f -printf '%s %p\\n' | sort -n | tail -1 | cut -d' ' -f2)"`,
    ]);
    const lost = await place.run(["repo", "repair", "index", ...own, "--json"]);
    expect(lost.code, lost.err).toBe(6);
    const summary = jsonLines(lost.out).at(-1) as { packs_missing: string[]; errors: { kind: string; detail: string }[] };
    expect(summary.packs_missing).toHaveLength(1);
    expect(summary.errors[0]).toMatchObject({ kind: "blob-missing", detail: expect.stringContaining(place.at("source/")) });
    expect((await place.run(["repo", "repair", "everything", ...own])).code).toBe(2);
  });
});

async function openByHand(name: string, password: string): Promise<Repository> {
  const clock = { now: () => Date.now(), sleep: async () => undefined };
  const repository = await openRepository({ store: await openObjectStore({ url: place.at(name) }, { clock }) }, password);
  onTestFinished(() => repository.close());
  return repository;
}

describe("copy", () => {
  test("copies what is not there, and stock restic finds nothing left to copy", async () => {
    const own = copyOfRepository("original");
    place.write("other", "battery staple\n");
    const ids = (JSON.parse(resticAt("original", "password", "snapshots", "--json")) as { id: string }[]).map(({ id }) => id);
    const source = await openByHand("original", "correct horse");
    for (const id of ids.slice(0, 2)) {
      const facts = { schema: "lifeboat.facts/1", snapshot: id, asset: "web1/files" };
      await source.saveSide("facts", facts);
    }
    await source.saveSide("run", { schema: "lifeboat.run/1" });
    const runs = (await source.listSide("run")).length;
    const init = ["repo", "init", ...handsOf("replica", "other"), "--from-repo", place.at("original")];
    const half = await place.run([...init, "--from-password-file", place.at("password")]);
    expect([half.code, half.err]).toEqual([2, expect.stringContaining("--copy-chunker-params")]);
    const made = await place.run([...init, "--from-password-file", place.at("password"), "--copy-chunker-params"]);
    expect(made.code, made.err).toBe(0);
    await cheapenKey(place.at("replica"), "battery staple");
    const there = await openByHand("replica", "battery staple");
    expect(there.config.chunkerPolynomial).toBe(source.config.chunkerPolynomial);

    const to = ["--to-repo", place.at("replica"), "--to-password-file", place.at("other")];
    expect((await place.run(["copy", ...own])).err).toContain("--to-repo");
    const dry = await place.run(["copy", ids[0]!.slice(0, 8), ...own, ...to, "--dry-run"]);
    expect([dry.code, dry.out]).toEqual([0, expect.stringMatching(`^copy ${ids[0]!.slice(0, 8)} `)]);
    expect(await there.listIds("snapshot")).toEqual([]);
    const one = await place.run(["copy", ids[0]!.slice(0, 8), ...own, ...to, "--json"]);
    expect(one.code, one.err).toBe(0);
    expect(jsonLines(one.out).at(-1)).toMatchObject({
      message_type: "summary",
      copied: [{ from: ids[0] }],
      skipped: [],
      failed: [],
    });
    // Who is given one snapshot gets what its restore wants to know, and nothing of the others.
    expect([await there.listSide("facts"), await there.listSide("run")].map((list) => list.length)).toEqual([1, 0]);
    const rest = await place.run(["copy", ...own, ...to]);
    expect([rest.code, rest.err]).toEqual([0, expect.stringMatching(/2 snapshots copied, 1 there already/)]);
    expect([await there.listSide("facts"), await there.listSide("run")].map((list) => list.length)).toEqual([2, runs]);
    const copies = await there.listSnapshots();
    expect(copies.map(({ original }) => original)).toEqual(ids);
    expect(resticAt("replica", "other", "check", "--read-data")).toContain("no errors");
    const from = ["--from-repo", place.at("original"), "--from-password-file", place.at("password")];
    expect(resticAt("replica", "other", "copy", ...from)).toContain("skipping");
    expect(await there.listIds("snapshot")).toHaveLength(3);
    const again = await place.run(["copy", ...own, ...to]);
    expect([again.code, again.err]).toEqual([0, expect.stringContaining("0 snapshots copied, 3 there already")]);
    const self = await place.run(["copy", ...own, "--to-repo", place.at("original"), "--to-password-file", place.at("password")]);
    expect([self.code, self.err]).toEqual([2, expect.stringContaining("the same repository")]);
  });

  test("with --no-lock nothing is stored in the repository that is copied from", async () => {
    const own = copyOfRepository("read-only");
    place.write("other", "battery staple\n");
    expect((await place.run(["repo", "init", ...handsOf("rescued", "other")])).code).toBe(0);
    const to = ["--to-repo", place.at("rescued"), "--to-password-file", place.at("other")];
    // Nobody can make a lock where there is a file in the way.
    rmSync(place.at("read-only/locks"), { recursive: true });
    writeFileSync(place.at("read-only/locks"), "");
    expect((await place.run(["copy", ...own, ...to])).code).not.toBe(0);
    const done = await place.run(["copy", ...own, ...to, "--no-lock"]);
    expect([done.code, done.err]).toEqual([0, expect.stringContaining("3 snapshots copied")]);
    expect(resticAt("rescued", "other", "check", "--read-data")).toContain("no errors");
  });

  test("what cannot be copied whole is left out and named, exit code 3", async () => {
    const own = copyOfRepository("holes");
    // The largest pack holds files of all snapshots.
    execFileSync("sh", [
      "-c",
      `rm -f "$(find ${place.at("holes/data")} -type f -printf '%s %p\\n' | sort -n | tail -1 | cut -d' ' -f2)"`,
    ]);
    place.write("other", "battery staple\n");
    expect((await place.run(["repo", "init", ...handsOf("replica-with-holes", "other")])).code).toBe(0);
    const to = ["--to-repo", place.at("replica-with-holes"), "--to-password-file", place.at("other")];
    const done = await place.run(["copy", ...own, ...to]);
    expect([done.code, done.err]).toEqual([
      3,
      expect.stringMatching(/share no data[\s\S]*✗ snapshot [0-9a-f]{8}: [\s\S]*INCOMPLETE/),
    ]);
    expect(resticAt("replica-with-holes", "other", "check", "--read-data")).toContain("no errors");
  });
});
