import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { openObjectStore, openRepository, RepositoryLock } from "@lifeboat/engine";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { createPlace, jsonLines, type Place, program } from "./test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let hands: string[];

/** Lifeboat creates the repository, stock restic fills it. */
beforeAll(async () => {
  place = createPlace();
  place.write("password", "correct horse\n");
  hands = ["--repo", place.at("repository"), "--password-file", place.at("password")];
  const made = await place.run(["repo", "init", ...hands]);
  expect(made.code, made.err).toBe(0);
  await cheapenKey(place.at("repository"), "correct horse");
  mkdirSync(place.at("source/deep"), { recursive: true });
  writeFileSync(place.at("source/letter.txt"), "first\n");
  symlinkSync("letter.txt", place.at("source/link"));
  for (let at = 0; at < 300; at++) writeFileSync(place.at(`source/deep/file-${at}`), `content ${at}\n`.repeat(at));
  restic("backup", "--host", "web1", "--tag", "asset=web1/files", place.at("source"));
  writeFileSync(place.at("source/letter.txt"), "first and second\n");
  chmodSync(place.at("source/deep/file-1"), 0o4755);
  unlinkSync(place.at("source/deep/file-2"));
  restic("backup", "--host", "web1", "--tag", "asset=web1/files", place.at("source"));
});
afterAll(() => place?.remove());

function restic(...args: string[]): string {
  const options = ["-r", place.at("repository"), "--password-file", place.at("password"), "--no-cache", ...args];
  return execFileSync("restic", options, { encoding: "utf8" });
}

describe("looking", () => {
  test("snapshots are listed with restic's field names, and as a table with the zone of its times", async () => {
    const { out } = await place.run(["snapshots", ...hands, "--json"]);
    const listed = JSON.parse(out) as { id: string; short_id: string; hostname: string; tree: string; time: string }[];
    const stock = JSON.parse(restic("snapshots", "--json")) as { id: string; short_id: string; tree: string }[];
    expect(listed.map(({ id, short_id, tree }) => ({ id, short_id, tree }))).toEqual(
      stock.map(({ id, short_id, tree }) => ({ id, short_id, tree })),
    );
    const table = await place.run(["snapshots", "list", ...hands]);
    expect(table.out.split("\n")[0]).toMatch(/^ID +TAKEN \(UTC\) +AGE/);
    expect(table.out).toContain("web1/files");
    expect(table.err).toContain("2 snapshots");
  });

  test("ls shows modes as ls does, and the same paths as restic", async () => {
    const { out } = await place.run(["ls", "latest", place.at("source"), "--recursive", ...hands]);
    const stock = JSON.parse(
      `[${restic("ls", "--json", "--recursive", "latest", place.at("source")).trim().split("\n").join(",")}]`,
    ) as {
      struct_type: string;
      path: string;
    }[];
    const below = stock.filter((node) => node.struct_type === "node" && node.path.startsWith(`${place.at("source")}/`));
    expect(out.trim().split("\n").sort()).toEqual(below.map(({ path }) => path).sort());
    const asSystem = await place.run(["ls", "latest", place.at("source"), "-R", ...hands]);
    expect([asSystem.code, asSystem.out]).toEqual([0, out]);
    const long = await place.run(["ls", `web1/files@latest:${place.at("source/deep")}`, "--long", ...hands]);
    expect(long.out).toMatch(new RegExp(`^-rwsr-xr-x .*${place.at("source/deep/file-1")}$`, "m"));
  });

  test("ls of a snapshot's root says that it shows the way only, and no more where the way ends", async () => {
    const root = await place.run(["ls", "web1/files", ...hands]);
    expect(root.err).toContain(`only folders on the way to ${place.at("source")}: --recursive shows all below`);
    for (const words of [
      ["latest", place.at("source")],
      ["latest", "-R"],
      ["latest", "--json"],
      ["latest", "--quiet"],
    ])
      expect((await place.run(["ls", ...words, ...hands])).err, words.join(" ")).not.toContain("on the way");
  });

  test("cat, find and diff answer for what is in the snapshots", async () => {
    const first = JSON.parse(restic("snapshots", "--json"))[0].id as string;
    expect((await place.run(["cat", first.slice(0, 8), place.at("source/letter.txt"), ...hands])).out).toBe("first\n");
    expect((await place.run(["cat", `latest:${place.at("source/letter.txt")}`, ...hands])).out).toBe("first and second\n");
    const found = await place.run(["find", "file-2", ...hands, "--json"]);
    expect(jsonLines(found.out)).toMatchObject([{ hits: 1, snapshot: first }]);
    const nothing = await place.run(["find", "no-such-name", ...hands, "--json"]);
    expect([nothing.code, jsonLines(nothing.out)]).toEqual([0, [{ matches: [], hits: 0, snapshot: null }]]);
    const changed = await place.run(["diff", first, "latest", ...hands]);
    expect(changed.out).toMatch(new RegExp(`^M {2}${place.at("source/letter.txt")}`, "m"));
    expect(changed.out).toMatch(new RegExp(`^- {2}${place.at("source/deep/file-2")}`, "m"));
    expect(changed.out).toMatch(/file-1 .*mode 0644 -> 4755.* {2}!$/m);
  });

  test("a reader that has had enough is no error", () => {
    const line = `"$0" "$1" ls latest --recursive ${hands.map((word) => `'${word}'`).join(" ")} --json | head -n 1`;
    const { stdout, stderr } = spawnSync("sh", ["-c", line, process.execPath, program], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: place.at("home") },
    });
    expect(jsonLines(stdout)).toMatchObject([{ message_type: "snapshot" }]);
    expect(stderr.split("\n").filter((text) => text !== "" && !text.startsWith("snapshot "))).toEqual([]);
  });
});

describe("restore", () => {
  test("lays paths as restic does, compares, and then refuses the same folder with exit code 9", async () => {
    const target = place.at("restored");
    const { code, err } = await place.run(["restore", "latest", ...hands, "--to", target, "--read-back"]);
    expect(code, err).toBe(0);
    expect(readFileSync(`${target}${place.at("source/letter.txt")}`, "utf8")).toBe("first and second\n");
    expect(statSync(`${target}${place.at("source/deep/file-1")}`).mode & 0o7777).toBe(0o4755);
    expect(err).toMatch(/✓ .*all contents of 300 files read back and equal/);
    const again = await place.run(["restore", "latest", ...hands, "--to", target, "--json"]);
    expect(again.code).toBe(9);
    expect(jsonLines(again.err).at(-1)).toMatchObject({ message_type: "exit_error", code: 9, error: "target-not-empty" });
    expect(again.err).toContain("--resume");

    writeFileSync(`${target}${place.at("source/letter.txt")}`, "of a user");
    unlinkSync(`${target}${place.at("source/deep/file-3")}`);
    const never = await place.run(["restore", "latest", ...hands, "--to", target, "--overwrite", "never"]);
    expect(never.code, never.err).toBe(0);
    expect(never.err).toMatch(/✓ 1 file, .*298 files.* there unchanged; 1 thing there kept/);
    expect(readFileSync(`${target}${place.at("source/letter.txt")}`, "utf8")).toBe("of a user");
    const resumed = await place.run(["restore", "latest", ...hands, "--to", target, "--resume", "--json"]);
    expect(resumed.code, resumed.err).toBe(0);
    expect(jsonLines(resumed.out).at(-1)).toMatchObject({
      result: "passed",
      files_restored: 1,
      files_skipped: 299,
      replaced: 1,
      kept: 0,
    });
    expect(readFileSync(`${target}${place.at("source/letter.txt")}`, "utf8")).toBe("first and second\n");
    const wrong = await place.run(["restore", "latest", ...hands, "--to", target, "--resume", "--overwrite", "never"]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--resume means")]);
  });

  test("brings back a part only, and says so as data", async () => {
    const target = place.at("part");
    const address = `web1/files@latest:${place.at("source/letter.txt")}`;
    const { code, out, err } = await place.run(["restore", address, ...hands, "--to", target, "--json"]);
    expect(code, err).toBe(0);
    expect(jsonLines(out).at(-1)).toMatchObject({ message_type: "summary", result: "passed", files_restored: 1 });
    expect(existsSync(`${target}${place.at("source/deep")}`)).toBe(false);
  });

  test("a dry run writes nothing", async () => {
    const { code, err } = await place.run(["restore", "latest", ...hands, "--to", place.at("dry"), "--dry-run"]);
    expect(code, err).toBe(0);
    expect(err).toContain("nothing was written");
    expect(existsSync(place.at("dry"))).toBe(false);
  });

  test("a path or a snapshot that is not there is said, with what to run next", async () => {
    const path = await place.run(["restore", "latest:/none", ...hands, "--to", place.at("x")]);
    expect([path.code, path.err]).toEqual([1, expect.stringContaining("[path-not-found]")]);
    const snapshot = await place.run(["restore", "web9/none@latest", ...hands, "--to", place.at("x")]);
    expect([snapshot.code, snapshot.err]).toEqual([
      1,
      expect.stringMatching(/no snapshot of web9\/none[\s\S]*lifeboat snapshots/),
    ]);
    expect(existsSync(place.at("x"))).toBe(false);
  });
});

describe("what goes wrong has restic's exit code", () => {
  test("wrong password 12, no repository 10, no password file 2", async () => {
    place.write("wrong", "battery staple\n");
    const repository = place.at("repository");
    const wrong = await place.run(["snapshots", "--repo", repository, "--password-file", place.at("wrong")]);
    expect([wrong.code, wrong.err]).toEqual([12, expect.stringMatching(/\[wrong-password\][\s\S]* state .*[\s\S]* next /)]);
    expect(wrong.err + wrong.out).not.toContain("battery");
    const none = await place.run([
      "repo",
      "check",
      "--repo",
      place.at("nothing"),
      "--password-file",
      place.at("password"),
      "--json",
    ]);
    expect(none.code).toBe(10);
    expect(jsonLines(none.err).at(-1)).toMatchObject({ message_type: "exit_error", code: 10, error: "repository-missing" });
    const missing = await place.run(["ls", "latest", "--repo", repository, "--password-file", place.at("nowhere")]);
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining(place.at("nowhere"))]);
  });

  test("a damaged pack is found by repo check with exit code 6, and a sound repository is sound", async () => {
    const sound = await place.run(["repo", "check", ...hands, "--read-data", "--json"]);
    expect(sound.code, sound.err).toBe(0);
    expect(jsonLines(sound.out).at(-1)).toMatchObject({ message_type: "summary", num_errors: 0, result: "passed" });
    execFileSync("cp", ["-a", place.at("repository"), place.at("damaged")]);
    const packs = execFileSync("find", [place.at("damaged/data"), "-type", "f", "-size", "+1k"], { encoding: "utf8" });
    const pack = packs.trim().split("\n")[0]!;
    const bytes = readFileSync(pack);
    bytes[200] = bytes[200]! ^ 1;
    chmodSync(pack, 0o600);
    writeFileSync(pack, bytes);
    const damaged = ["--repo", place.at("damaged"), "--password-file", place.at("password")];
    const found = await place.run(["repo", "check", ...damaged, "--read-data"]);
    expect(found.code, found.err).toBe(6);
    expect(found.err).toContain("DAMAGED");
  });

  test("a filter that fits nothing does not look like an empty repository", async () => {
    for (const filter of [["web1/nope"], ["--host", "nope"], ["--path", "/nope"]]) {
      const { code, out, err } = await place.run(["snapshots", ...filter, ...hands]);
      expect([code, out, err], filter.join(" ")).toEqual([
        0,
        "",
        expect.stringMatching(/^none of \d+ snapshots? fits; leave the filter out/m),
      ]);
    }
  });

  test("locks that may be alive are removed after a yes only: without a terminal exit code 9", async () => {
    const clock = { now: () => Date.now(), sleep: async () => undefined };
    const location = { url: place.at("repository") };
    const repository = await openRepository({ store: await openObjectStore(location, { clock }) }, "correct horse");
    onTestFinished(() => repository.close());
    const owner = { hostname: "elsewhere", username: "root", pid: 1 };
    await RepositoryLock.acquire(repository, { exclusive: false, owner, clock });
    expect((await place.run(["repo", "unlock", ...hands])).err).toMatch(/elsewhere process 1[\s\S]*0 locks removed, 1 kept/);
    expect((await place.run(["repo", "unlock", "--dry-run", ...hands])).err).toContain("would remove 0 locks, keep 1");
    const plan = await place.run(["repo", "unlock", "--all", "--dry-run", ...hands, "--json"]);
    expect(JSON.parse(plan.out)).toMatchObject({ dry_run: true, would_remove: 1, kept: 0 });
    const asked = await place.run(["repo", "unlock", "--all", ...hands]);
    expect([asked.code, asked.err]).toEqual([9, expect.stringContaining("--yes")]);
    expect((await place.run(["repo", "unlock", "--all", "--yes", ...hands])).err).toContain("1 lock removed, 0 kept");
  });
});

/** A drill that does nothing but wait, for a minute. */
function writeWaitingDrill(): string {
  return place.write(
    "waiting.yaml",
    `drills:
  waiting:
    targets: { dir: { type: directory, path: "${place.at("drill")}/{run}" } }
    steps: [{ id: files, restore: { asset: web1/files, to: dir } }, { id: pause, wait: 60s, needs: [files] }]
    checks: [{ id: hashes, after: files, type: file_hash, sample: 1% }]
`,
  );
}

describe("Ctrl-C", () => {
  test("ends a drill with exit code 130 and with everything removed that it made", async () => {
    const drill = place.start(["drill", "run", "--here", "--drill", writeWaitingDrill(), ...hands, "--json"]);
    await drill.said('"id":"pause","state":"started"');
    expect(execFileSync("find", [place.at("drill"), "-name", "letter.txt"], { encoding: "utf8" })).not.toBe("");
    drill.kill("SIGINT");
    const { code, out, err } = await drill.ended;
    expect(code, err).toBe(130);
    expect(jsonLines(out).at(-1)).toMatchObject({ schema: "lifeboat.drill/1", outcome: "cancelled", leftovers: [] });
    expect(execFileSync("find", [place.at("drill"), "-mindepth", "1"], { encoding: "utf8" })).toBe("");
  });

  test("does not wait for a password that nobody writes", async () => {
    execFileSync("mkfifo", [place.at("pipe")]);
    // Open for both, so that the reader's open succeeds and its read waits.
    const held = openSync(place.at("pipe"), "r+");
    onTestFinished(() => closeSync(held));
    const command = place.start(["snapshots", "--repo", place.at("repository"), "--password-file", place.at("pipe")]);
    await expect.poll(() => openFilesOf(command.pid), { timeout: 30_000 }).toContain(place.at("pipe"));
    command.kill("SIGINT");
    expect(await command.ended).toMatchObject({ code: 130, out: "" });
  });
});

function openFilesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
}

test("without a configuration and without --repo the way on is named", async () => {
  const { code, err } = await place.run(["snapshots"]);
  expect([code, err]).toEqual([2, expect.stringMatching(/--repo PLACE --password-file FILE/)]);
});
