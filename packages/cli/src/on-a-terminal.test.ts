import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { openObjectStore, openRepository, RepositoryLock } from "@lifeboat/engine";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { createPlace, type Place, program } from "./test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let hands: string[];
beforeAll(async () => {
  place = createPlace();
  place.write("password", "correct horse\n");
  hands = ["--repo", place.at("repository"), "--password-file", place.at("password")];
  expect((await place.run(["repo", "init", ...hands])).code).toBe(0);
  await cheapenKey(place.at("repository"), "correct horse");
  const clock = { now: () => Date.now(), sleep: async () => undefined };
  const repository = await openRepository(
    { store: await openObjectStore({ url: place.at("repository") }, { clock }) },
    "correct horse",
  );
  await RepositoryLock.acquire(repository, {
    exclusive: false,
    owner: { hostname: "elsewhere", username: "root", pid: 1 },
    clock,
  });
  await repository.close();
  mkdirSync(place.at("source"));
  writeFileSync(place.at("source/file"), "content\n");
});
afterAll(() => place?.remove());

/** Runs it on a terminal of its own (script of util-linux) and types `keys` as soon as `question` stands there. */
function onTerminal(args: readonly string[], question: string, keys: string): Promise<{ code: number | null; screen: string }> {
  const line = [process.execPath, program, ...args].map((word) => `'${word}'`).join(" ");
  const child: ChildProcessWithoutNullStreams = spawn("script", ["-qefc", line, "/dev/null"], {
    cwd: place.folder,
    env: { PATH: process.env.PATH, HOME: place.at("home"), XDG_STATE_HOME: place.at("state-home"), TERM: "xterm", TZ: "UTC" },
  });
  let screen = "";
  let typed = false;
  child.stdout.on("data", (bytes: Buffer) => {
    screen += bytes.toString("utf8");
    if (!typed && screen.includes(question)) child.stdin.write(keys);
    typed ||= screen.includes(question);
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, screen })));
}

test("Ctrl-C at a question is a no: exit code 130, nothing was changed", async () => {
  const { code, screen } = await onTerminal(["repo", "unlock", "--all", ...hands], "[y/N]", "\x03");
  expect(code, screen).toBe(130);
  expect(screen).toMatch(/\[cancelled\][\s\S]*nothing was changed/);
  expect(screen).not.toContain("bug");
});

test("a no is a no, and a yes does it", async () => {
  const refused = await onTerminal(["repo", "unlock", "--all", ...hands], "[y/N]", "n\r");
  expect(refused.code, refused.screen).toBe(130);
  const done = await onTerminal(["repo", "unlock", "--all", ...hands], "[y/N]", "y\r");
  expect(done.code, done.screen).toBe(0);
  expect(done.screen).toContain("1 lock removed, 0 kept");
});

test("a Ctrl-C while it works stops it in order, with one message", async () => {
  const drill = place.write(
    "waiting.yaml",
    `drills:
  waiting:
    targets: { dir: { type: directory, path: "${place.at("drill")}/{run}" } }
    steps: [{ id: pause, wait: 60s }, { id: files, restore: { asset: web1/files, to: dir }, needs: [pause] }]
    checks: [{ id: hashes, after: files, type: file_hash, sample: 10% }]
`,
  );
  await backUp();
  const { code, screen } = await onTerminal(["drill", "run", "--here", "--drill", drill, ...hands], "step pause", "\x03");
  expect(code, screen).toBe(130);
  expect(screen).toContain("CANCELLED");
});

test("a target that is not empty is asked about: a no changes nothing, a yes adds what is missing and leaves the rest alone", async () => {
  await backUp();
  const target = place.at("target");
  mkdirSync(`${target}${place.at("source")}`, { recursive: true });
  writeFileSync(`${target}/own`, "stays\n");
  const args = ["restore", "latest", "--to", target, ...hands];
  const refused = await onTerminal(args, "[y/N]", "n\r");
  expect(refused.code, refused.screen).toBe(130);
  expect(readdirSync(`${target}${place.at("source")}`)).toEqual([]);
  const done = await onTerminal(args, "[y/N]", "y\r");
  expect(done.code, done.screen).toBe(0);
  expect(readdirSync(`${target}${place.at("source")}`)).toEqual(["file"]);
  expect(readdirSync(target)).toContain("own");
});

function backUp(): Promise<void> {
  const args = [
    "-r",
    place.at("repository"),
    "-p",
    place.at("password"),
    "--no-cache",
    "backup",
    "--host",
    "web1",
    "--tag",
    "asset=web1/files",
  ];
  const child = spawn("restic", [...args, place.at("source")], { stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`restic ended with ${code}`))));
    child.once("error", reject);
  });
}
