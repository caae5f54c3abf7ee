import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openCatalog } from "@lifeboat/catalog";
import { realClock, statePaths } from "@lifeboat/host";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { type SshHost, startSshHost } from "../../../test/services/index.ts";
import { createPlace, type Place } from "./test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let host: SshHost;

/** One file that does not get smaller, backed up once; a service has been here, whose scheduler lives. */
beforeAll(async () => {
  place = createPlace();
  host = await startSshHost();
  const tree = join(host.folder, "www");
  mkdirSync(tree);
  writeFileSync(join(tree, "noise"), randomBytes(100_000));
  place.write("password", "correct horse\n");
  const password = `{ file: "${place.at("password")}" }`;
  place.write(
    "lifeboat.yaml",
    `version: 1
company: { name: Test, timezone: UTC }
control: { state: "${place.at("state")}" }
repositories: { main: { url: "${place.at("main")}", password: ${password} } }
hosts:
  web1: { address: 127.0.0.1, port: ${host.port}, user: ${host.user}, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}" }
policies:
  web:
    hosts: [web1]
    repository: main
    schedule: { cron: "0 1 * * *" }
    objectives: { rpo: 26h }
    sources: [{ name: pages, type: files, paths: ["${tree}"] }]
`,
  );
  mkdirSync(place.at("state"));
  const catalog = await openCatalog(statePaths(place.at("state")).history, { clock: realClock() });
  await catalog.beat({ program: "scheduler", instance: "test" });
  await catalog.close();
  expect((await place.run(["repo", "init", "--repo", "main"])).code).toBe(0);
  await cheapenKey(place.at("main"), "correct horse");
  const backup = await place.run(["backup", "run", "web", "--here"]);
  expect(backup.code, backup.err).toBe(0);
});
afterAll(async () => {
  await host?.stop();
  place?.remove();
});

const packFiles = () =>
  readdirSync(place.at("main/data"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** The pack of the file's content is by far the largest. */
function flipByteOfContent(): string {
  const [largest] = packFiles().sort((a, b) => statSync(b).size - statSync(a).size);
  const bytes = readFileSync(largest!);
  bytes[5000]! ^= 1;
  rmSync(largest!);
  writeFileSync(largest!, bytes);
  return largest!;
}

/** As the service's history and as the repository itself have it. */
async function expectStatus(code: number, text: string | RegExp): Promise<void> {
  for (const more of [[], ["--here"]]) {
    const status = await place.run(["status", "--check", "--all", ...more]);
    expect([status.code, status.out], `${more} ${status.err}`).toEqual([code, expect.stringMatching(text)]);
  }
}

test("damage that was found by reading data stands until a check has read all data again", async () => {
  await expectStatus(0, "Protected");
  flipByteOfContent();
  expect((await place.run(["repo", "check", "--repo", "main", "--read-data"])).code).toBe(6);
  await expectStatus(5, /DAMAGED[\s\S]*lifeboat repo check --repo main --read-data/);
  expect((await place.run(["repo", "check", "--repo", "main"])).code).toBe(0);
  await expectStatus(5, "DAMAGED");
  flipByteOfContent();
  expect((await place.run(["repo", "check", "--repo", "main", "--read-data"])).code).toBe(0);
  await expectStatus(0, "Protected");
});

test("a repository that cannot be read is unknown with --here, and a history without it is incomplete", async () => {
  place.write("password", "wrong horse\n");
  const status = await place.run(["status", "--here", "--check"]);
  expect([status.code, status.out]).toEqual([5, expect.stringMatching(/UNKNOWN[\s\S]*repository main: .*password/)]);
  expect((await place.run(["history", "--here"])).code).toBe(3);
  place.write("password", "correct horse\n");
  renameSync(place.at("main"), place.at("away"));
  const away = await place.run(["status", "--here", "--check"]);
  expect([away.code, away.out]).toEqual([5, expect.stringMatching(/UNKNOWN[\s\S]*there is no repository/)]);
  renameSync(place.at("away"), place.at("main"));
  expect((await place.run(["status", "--here", "--check"])).code).toBe(0);
});

/** Last, since what is lost stays lost. */
test("a snapshot that lost content at a repair is no good copy, and the history names none that is gone", async () => {
  const pack = basename(flipByteOfContent());
  // By its place, as with bare hands: the history knows that it is the repository of the configuration.
  const hands = ["--repo", place.at("main"), "--password-file", place.at("password")];
  const fix = async (...words: string[]) => {
    const { code, err } = await place.run(["repo", "repair", ...words, ...hands]);
    expect(code, err).toBe(0);
  };
  await fix("packs", pack, "--keep", place.folder);
  await fix("snapshots", "--forget", "--yes");
  expect((await place.run(["repo", "check", "--repo", "main", "--read-data"])).code).toBe(0);
  await expectStatus(5, /NO COPY[\s\S]*no repository holds a good snapshot of it any more/);
  const [left] = JSON.parse((await place.run(["snapshots", "--repo", "main", "--json"])).out) as { id: string; tags: string[] }[];
  expect(left?.tags).toEqual(["asset=web1/pages"]);
  const catalog = await openCatalog(statePaths(place.at("state")).history, { clock: realClock() });
  expect((await catalog.seenSnapshots({})).map(({ id, run }) => [id, run])).toEqual([[left!.id, null]]);
  await catalog.close();
  expect((await place.run(["backup", "run", "web", "--here"])).code).toBe(0);
  await expectStatus(0, "Protected");
});
