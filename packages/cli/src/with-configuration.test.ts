import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { openCatalog } from "@lifeboat/catalog";
import { realClock, statePaths } from "@lifeboat/host";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { type SshHost, startSshHost } from "../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let host: SshHost;
let tree: string;

beforeAll(async () => {
  place = createPlace();
  host = await startSshHost();
  tree = join(host.folder, "www");
  mkdirSync(tree);
  for (let at = 0; at < 50; at++) writeFileSync(join(tree, `page-${at}.html`), `<p>${at}</p>\n`.repeat(50));
  place.write("password", "correct horse\n");
  place.write("lifeboat.yaml", configText());
});
afterAll(async () => {
  await host?.stop();
  place?.remove();
});

function configText(): string {
  return `version: 1
company: { name: Test, timezone: Europe/Berlin }
control: { state: "${place.at("state")}", web: { listen: "127.0.0.1:0" } }
repositories:
  main: { url: "${place.at("main")}", password: { file: "${place.at("password")}" } }
  second: { url: "${place.at("second")}", password: { file: "${place.at("password")}" } }
hosts:
  web1: { address: 127.0.0.1, port: ${host.port}, user: ${host.user}, identity: "${host.identityFile}", known_hosts: "${place.at("known")}" }
policies:
  web:
    hosts: [web1]
    repository: main
    replicate: { to: [second] }
    schedule: { cron: "0 1 * * *" }
    retention: { last: 1 }
    objectives: { rpo: 26h }
    sources: [{ name: pages, type: files, paths: ["${tree}"] }]
`;
}

describe("from a new host to a restored folder", () => {
  test("an unknown host key is refused, shown, and trusted after a yes only", async () => {
    const refused = await place.run(["host", "check", "web1"]);
    expect([refused.code, refused.out]).toEqual([1, expect.stringMatching(/not in .*-> lifeboat host trust web1/)]);
    const asked = await place.run(["host", "trust", "web1"]);
    expect([asked.code, asked.err]).toEqual([9, expect.stringContaining("SHA256:")]);
    const wrong = await place.run(["host", "trust", "web1", "--fingerprint", "SHA256:wrong"]);
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("host-key-changed")]);
    const dry = await place.run(["host", "trust", "web1", "--dry-run", "--json"]);
    const about = {
      message_type: "summary",
      host: "web1",
      fingerprint: expect.stringMatching(/^SHA256:/),
      file: place.at("known"),
    };
    expect(jsonLines(dry.out)).toEqual([{ ...about, dry_run: true, added: false }]);
    expect(existsSync(place.at("known"))).toBe(false);
    const trusted = await place.run(["host", "trust", "web1", "--yes", "--json"]);
    expect([trusted.code, jsonLines(trusted.out)]).toEqual([0, [{ ...about, added: true }]]);
    const known = await place.run(["host", "trust", "web1", "--json"]);
    expect([known.code, jsonLines(known.out)]).toEqual([0, [{ message_type: "summary", host: "web1", added: false }]]);
    expect(readFileSync(place.at("known"), "utf8").trim()).toBe(readFileSync(host.knownHostsFile, "utf8").trim());
  });

  test("doctor names what to do for each thing that is wrong", async () => {
    const { code, out } = await place.run(["doctor"]);
    expect(code).toBe(1);
    expect(out).toMatch(/✗ repository main: there is no repository .*lifeboat repo init/);
    expect(out).toMatch(/✓ asset web1\/pages: .* is there/);
  });

  test("backup, snapshots, history and restore go by the asset's name", async () => {
    expect((await place.run(["repo", "init", "--repo", "main"])).code).toBe(0);
    await cheapenKey(place.at("main"), "correct horse");
    const first = await place.run(["backup", "run", "web", "--here", "--json"]);
    expect(first.code, first.err).toBe(0);
    expect(jsonLines(first.out).at(-1)).toMatchObject({
      message_type: "summary",
      result: "passed",
      asset: "web1/pages",
      files_new: 50,
    });
    writeFileSync(join(tree, "page-7.html"), "changed\n");
    const second = await place.run(["backup", "run", "web1/pages", "--here"]);
    expect(second.code, second.err).toBe(0);
    const listed = await place.run(["snapshots", "web1/pages", "--repo", "main", "--json"]);
    expect(JSON.parse(listed.out)).toHaveLength(2);
    const restored = await place.run(["restore", "web1/pages@latest", "--to", `web1:${join(host.folder, "restored")}`]);
    expect(restored.code, restored.err).toBe(0);
    expect(readFileSync(join(host.folder, "restored", tree, "page-7.html"), "utf8")).toBe("changed\n");
    const history = await place.run(["history", "--here", "--json"]);
    expect(jsonLines(history.out)).toMatchObject([{ result: "passed" }, { result: "passed" }]);
    const shown = await place.run(["job", "show", String(jsonLines(history.out)[0]?.job), "--here"]);
    expect(shown.out).toContain("PASSED");
  });

  test("status from the repositories says that the second site lacks its copy, until it is replicated", async () => {
    const late = await place.run(["status", "--here", "--check"]);
    expect([late.code, late.out]).toEqual([5, expect.stringContaining("SECOND SITE LATE")]);
    expect((await place.run(["replicate", "web"])).code).toBe(0);
    const { code, out } = await place.run(["status", "--here", "--check", "--json"]);
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ schema: "lifeboat.status/1", level: "good" })]);
  });

  test("retention shows what would go, asks, and prune frees it", async () => {
    const plan = await place.run(["retention", "run", "web", "--dry-run"]);
    expect(plan.out.match(/^remove /gm)).toHaveLength(2);
    expect((await place.run(["retention", "run", "web"])).code).toBe(9);
    expect((await place.run(["retention", "run", "web", "--yes"])).code).toBe(0);
    const left = await place.run(["snapshots", "--json"]);
    expect(JSON.parse(left.out)).toMatchObject([{ repositories: ["main", "second"] }]);
    const history = async () => jsonLines((await place.run(["history", "--here", "--kind", "prune", "--json"])).out).flat();
    const planned = await place.run(["repo", "prune", "--repo", "main", "--dry-run"]);
    expect([planned.code, await history()], planned.err).toEqual([0, []]);
    const pruned = await place.run(["repo", "prune", "--repo", "main", "--yes", "--max-unused", "0%"]);
    expect(pruned.code, pruned.err).toBe(0);
    expect((await place.run(["repo", "check", "--repo", "main", "--read-data"])).code).toBe(0);
  });
});

describe("a part of the host cannot be read", () => {
  test("the backup is incomplete: exit code 3, the file is named, and the snapshot is kept", async (context) => {
    // Even root cannot read it; it is there on every Linux with a /sys.
    const unreadable = "/sys/bus/cpu/uevent";
    if (!existsSync(unreadable)) context.skip(`there is no ${unreadable}`);
    place.write("partly.yaml", configText().replace(`"${tree}"]`, `"${tree}", ${unreadable}]`));
    const { code, err, out } = await place.run(["backup", "run", "web", "--here", "--json", "--config", "partly.yaml"]);
    expect(code, err).toBe(3);
    const summary = jsonLines(out).at(-1);
    expect(summary).toMatchObject({ result: "incomplete", exit_code: 3, error_count: 1, problems: [{ path: unreadable }] });
    expect((await place.run(["snapshots", "--repo", "main"])).out).toContain(String(summary?.snapshot_id).slice(0, 8));
  });
});

describe("a host that does not answer", () => {
  const whileItIsDown = () => {
    place.write("down.yaml", configText().replace(`port: ${host.port}`, "port: 1"));
    return ["--config", "down.yaml"];
  };

  test("verify says what it means to do, not that it does it", async () => {
    const { code, err } = await place.run(["verify", "web1/pages", "--against", "live", "--repo", "main", ...whileItIsDown()]);
    expect([code, err]).toEqual([1, expect.stringMatching(/^Plan {3}list web1\/pages on web1 [\s\S]*\[host-unreachable\]/m)]);
    expect(err).not.toContain("is listed");
  });

  test("a failed backup says its reason once, with state and next", async () => {
    const { code, err } = await place.run(["backup", "run", "web", "--here", ...whileItIsDown()]);
    expect(code, err).toBe(1);
    expect(err).toMatch(/^web1\/pages {2}✗ FAILED {2}\S+\nerror: .*\[host-unreachable\]\n {2}state {2}.*\n {2}next {3}/m);
    expect(err.match(/cannot connect to web1/g)).toHaveLength(1);
    const json = await place.run(["backup", "run", "web", "--here", "--json", ...whileItIsDown()]);
    const cause = expect.stringContaining("cannot connect to web1");
    expect([json.code, jsonLines(json.out).at(-1)]).toEqual([1, expect.objectContaining({ result: "failed", cause })]);
  });
});

describe("the service", () => {
  test("does what a person hands to it, and ends with all its programs at Ctrl-C", async () => {
    const service = place.start(["up"]);
    for (const words of ["scheduler runs", "worker 1 runs", "page runs: http://"]) await service.said(words);
    const { code, err, out } = await place.run(["backup", "run", "web", "--json"]);
    expect(code, err).toBe(0);
    expect(jsonLines(out).at(-1)).toMatchObject({ message_type: "summary", result: "passed", asset: "web1/pages" });
    const history = await place.run(["history", "--kind", "backup", "--json"]);
    expect(jsonLines(history.out)[0]).toMatchObject({ kind: "backup", object: "web1/pages", result: "passed" });
    const second = await place.run(["up"]);
    expect([second.code, second.err]).toEqual([1, expect.stringContaining("service-running")]);
    service.kill("SIGINT");
    const ended = await service.ended;
    expect(ended.code, ended.err).toBe(0);
    expect(ended.err).toContain("stopped");
    const left = await place.run(["status"]);
    expect(left.code, left.err).toBe(0);
  });

  test("ends when one of its programs refuses to start, with state and next", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const page = await place.run(["up", "--listen", `127.0.0.1:${port}`]);
    other.close();
    expect(page.code, page.err).toBe(8);
    expect(page.err).toMatch(
      /^error: the page did not start .*\n {2}state {2}all programs of the service are stopped.*\n {2}next {3}/m,
    );
    mkdirSync(place.at("full/redis"), { recursive: true });
    place.write("full/redis/appendonlydir", "a file in the place of a folder");
    const redis = await place.run(["up", "--state", place.at("full")]);
    expect(redis.code, redis.err).toBe(8);
    expect(redis.err).toMatch(/did not start.*\n {2}state {2}no program of the service was started\n {2}next {3}/);
  });

  test("that is not there is said, with what to do instead", async () => {
    for (const command of [["status"], ["history"], ["backup", "run", "web"]]) {
      const { code, err } = await place.run([...command, "--state", place.at("elsewhere")]);
      expect([code, err], command.join(" ")).toEqual([
        8,
        expect.stringMatching(/^ {2}state {2}nothing was changed\n {2}next .*lifeboat up.*--here/m),
      ]);
    }
    mkdirSync(place.at("unused"));
    const catalog = await openCatalog(statePaths(place.at("unused")).history, { clock: realClock() });
    await catalog.close();
    const unused = await place.run(["backup", "run", "web", "--no-wait", "--state", place.at("unused")]);
    expect([unused.code, unused.err]).toEqual([
      8,
      expect.stringMatching(/the scheduler has never run .*\n {2}state {2}nothing was changed\n {2}next .*--here/),
    ]);
  });
});

describe("a configuration with errors", () => {
  test("shows every error with its place and a caret, exit code 2, --config before or after the command", async () => {
    place.write("bad.yaml", configText().replace("retention: { last: 1 }", "retension: { last: 1 }").replace("[web1]", "[wbe1]"));
    const { code, out } = await place.run(["config", "validate", "--config", "bad.yaml"]);
    expect(code).toBe(2);
    expect(out).toMatch(/bad\.yaml:\d+:5: error: unknown key "retension"/);
    expect(out).toMatch(/\^~+ {2}did you mean "retention"\?/);
    expect(out).toContain('did you mean "web1"');
    const before = await place.run(["--config", "bad.yaml", "backup", "run", "web", "--here"]);
    expect([before.code, before.err]).toEqual([2, expect.stringContaining("retension")]);
    const json = await place.run(["config", "validate", "--config", "bad.yaml", "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ schema: "lifeboat.problems/1", errors: 2 });
  });

  test("explain names the line that a value comes from", async () => {
    const { out } = await place.run(["config", "explain", "policies.web.objectives.rpo"]);
    expect(out).toMatch(/^26h {3}from .*lifeboat\.yaml:\d+:\d+/);
    const wrong = await place.run(["config", "explain", "policies.wbe"]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('did you mean "web"')]);
  });
});

test("init without a terminal writes nothing of its own invention: exit code 9, and the options that answer are named", async () => {
  const empty = place.at("empty");
  mkdirSync(empty);
  const password = join(empty, "password");
  const nothing = await place.run(["init", join(empty, "new.yaml")]);
  expect([nothing.code, nothing.err]).toEqual([
    9,
    expect.stringMatching(/\[confirmation-needed\]\n.*nothing was written\n.*--repo PLACE, --password-file FILE and --host /),
  ]);
  const words = ["--repo", join(empty, "repo"), "--password-file", password, "--name", "web1", "--timezone", "UTC"];
  const part = await place.run(["init", join(empty, "new.yaml"), ...words, "--json"]);
  expect([part.code, JSON.parse(part.err)]).toEqual([
    9,
    expect.objectContaining({ error: "confirmation-needed", hint: "Pass --host [USER@]ADDRESS." }),
  ]);
  expect(readdirSync(empty)).toEqual([]);
});

test("init writes a file that validates, with a password of its own, and never overwrites", async () => {
  const words = [
    "--repo",
    place.at("new-repo"),
    "--password-file",
    place.at("new-password"),
    "--host",
    "root@web1.example.com:2222",
  ];
  const { code, err } = await place.run(["init", "new.yaml", ...words]);
  expect(code, err).toBe(0);
  expect(readFileSync(place.at("new-password"), "utf8")).toMatch(/^[a-z2-7]{32}\n$/);
  expect((await place.run(["config", "validate", "--config", "new.yaml", "--strict"])).code).toBe(0);
  const again = await place.run(["init", "new.yaml", ...words]);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining("exists already")]);
});
