import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type SshHost, startSshHost } from "../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let host: SshHost;
let tree: string;

beforeAll(async () => {
  place = createPlace();
  host = await startSshHost();
  tree = join(host.folder, "home");
  const files: [string, string][] = [
    ["anna/letter.txt", "Dear"],
    ["anna/.cache/keep/1", "kept"],
    ["anna/.cache/junk/2", "junk"],
    ["build/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"],
    ["build/out.o", "object"],
    ["private/.nobackup", ""],
    ["private/diary", "no"],
    ["film.mkv", "x".repeat(3000)],
  ];
  for (const [path, content] of files) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  place.write("password", "correct horse\n");
  place.write(
    "lifeboat.yaml",
    `version: 1
repositories: { main: { url: "${place.at("main")}", password: { file: "${place.at("password")}" } } }
control: { state: "${place.at("state")}" }
defaults: { policy: { exclude: [".cache"], exclude_caches: true, exclude_larger_than: 2KiB } }
hosts:
  pc: { address: 127.0.0.1, port: ${host.port}, user: ${host.user}, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}" }
policies:
  homes:
    hosts: [pc]
    repository: main
    exclude_if_present: [.stop]
    sources:
      - { name: home, type: files, paths: ["${tree}"], include: ["${tree}/*/.cache/keep"], exclude_if_present+: [.nobackup] }
`,
  );
  const made = await place.run(["repo", "init", "--repo", "main"]);
  expect(made.code, made.err).toBe(0);
});
afterAll(async () => {
  await host?.stop();
  place?.remove();
});

/** Everything in the repository and the state folder, with times: a dry run leaves it alone. */
function stateOfPlace(): string[] {
  return readdirSync(place.at("main"), { recursive: true, encoding: "utf8" })
    .map((path) => `${path} ${statSync(join(place.at("main"), path)).mtimeMs}`)
    .sort();
}

test("a dry run says what would be read and what is left out, and writes nothing; the backup then does just that", async () => {
  const before = stateOfPlace();
  const dry = await place.run(["backup", "run", "homes", "--dry-run", "--list"]);
  expect(dry.code, dry.err).toBe(0);
  const lines = dry.out.split("\n").map((line) => line.replaceAll(`${tree}/`, ""));
  expect(lines).toEqual(
    expect.arrayContaining([
      "+ anna/letter.txt",
      "+ anna/.cache",
      "+ anna/.cache/keep/1",
      "- anna/.cache/junk  (excluded)",
      "- build/out.o  (beside a tag)",
      "- private/diary  (beside a tag)",
      "- film.mkv  (larger than exclude_larger_than)",
      "  files  4 new, 0 changed, 0 unchanged (no snapshot yet)",
    ]),
  );
  expect(dry.out).toContain("1 excluded, 2 beside a tag, 1 too large (2.9 KiB)");
  expect(stateOfPlace()).toEqual(before);

  const run = await place.run(["backup", "run", "homes", "--here", "--json"]);
  expect(run.code, run.err).toBe(0);
  expect(jsonLines(run.out).at(-1)).toMatchObject({ result: "passed", files_new: 4, total_files_processed: 4 });
  const listed = await place.run(["ls", "pc/home@latest", "--recursive"]);
  for (const name of ["keep/1", "CACHEDIR.TAG", ".nobackup", "letter.txt"]) expect(listed.out).toContain(name);
  for (const name of ["junk", "out.o", "diary", "film.mkv"]) expect(listed.out).not.toContain(name);
  const shown = await place.run(["snapshots", "show", "pc/home@latest"]);
  expect(shown.out).toMatch(new RegExp(`^excludes +\\.cache, !${tree}/\\*/\\.cache/keep$`, "m"));
});

test("beside the last snapshot it tells new, changed and unchanged apart, and the next backup agrees", async () => {
  writeFileSync(join(tree, "anna/letter.txt"), "Dear Anna, it was");
  writeFileSync(join(tree, "anna/new.txt"), "new");
  utimesSync(join(tree, "build/CACHEDIR.TAG"), 1, 1);
  const dry = jsonLines((await place.run(["backup", "run", "homes", "--dry-run", "--json", "--list"])).out);
  const summary = dry.at(-1);
  expect(summary).toMatchObject({
    dry_run: true,
    files_new: 1,
    files_changed: 2,
    files_unmodified: 2,
    bytes_to_read: 17 + 3 + 44,
  });
  expect(
    dry
      .filter(({ action }) => action === "changed")
      .map(({ item }) => String(item).slice(tree.length + 1))
      .sort(),
  ).toEqual(expect.arrayContaining(["anna/letter.txt", "build/CACHEDIR.TAG"]));
  const run = jsonLines((await place.run(["backup", "run", "homes", "--here", "--json"])).out).at(-1);
  for (const figure of ["files_new", "files_changed", "files_unmodified", "total_bytes_processed"]) {
    expect([figure, run?.[figure]]).toEqual([figure, summary?.[figure]]);
  }
});

test("config explain says where each of them comes from; what is none of them is refused with its place", async () => {
  const explain = async (key: string) => (await place.run(["config", "explain", `policies.homes.sources.home.${key}`])).out;
  expect(await explain("exclude_if_present")).toContain('[".stop",".nobackup"]');
  expect(await explain("exclude_caches")).toMatch(/^true {3}from .*lifeboat\.yaml:4:/);
  expect(await explain("exclude_larger_than")).toMatch(/^2KiB {3}from .*lifeboat\.yaml:4:/);
  const bad = place.write("bad.yaml", "version: 1\npolicies: { a: { exclude_if_present: [a/b], exclude_larger_than: 5 } }\n");
  const refused = await place.run(["config", "validate", "--config", bad]);
  expect(refused.code).not.toBe(0);
  expect(refused.out + refused.err).toMatch(/"a\/b" is no name of a file.*/);
  expect(refused.out + refused.err).toMatch(/5 has no unit/);
});
