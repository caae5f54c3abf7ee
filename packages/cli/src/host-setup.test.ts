import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { ownAccountFiles, type PostgresServer, type SshHost, startPostgres, startSshHost } from "../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const isRoot = process.getuid?.() === 0;
const account = "puller";
let place: Place;
let host: SshHost;
let postgres: PostgresServer;
let tree: string;

beforeAll(async () => {
  if (!isRoot) return;
  place = createPlace();
  [host, postgres] = await Promise.all([
    startSshHost({ user: account, ownFiles: ownAccountFiles(account) }),
    startPostgres({ password: "pw" }),
  ]);
  await postgres.createDatabase("shop");
  await postgres.sql("create table orders (id int); insert into orders select generate_series(1, 100);", "shop");
  chmodSync(host.folder, 0o755);
  tree = join(host.folder, "www");
  mkdirSync(tree);
  for (let at = 0; at < 20; at++) writeFileSync(join(tree, `page-${at}`), `${at}\n`.repeat(100), { mode: 0o600 });
  place.write("password", "correct horse\n");
  place.write("pg", "pw\n");
  place.write(
    "lifeboat.yaml",
    `version: 1
repositories: { main: { url: "${place.at("main")}", password: { file: "${place.at("password")}" } } }
control: { state: "${place.at("state")}" }
hosts:
  web1: { address: 127.0.0.1, port: ${host.port}, user: ${account}, sudo: true, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}" }
  idle: {}
policies:
  web:
    hosts: [web1]
    repository: main
    sources:
      - { name: pages, type: files, paths: ["${tree}"], exclude: ["*.tmp"] }
      - { name: shop, type: postgresql, database: shop, user: postgres, server: "${postgres.address}", port: ${postgres.port}, password: { file: "${place.at("pg")}" }, record: { rows: all } }
`,
  );
});
afterAll(async () => {
  await Promise.all([host?.stop(), postgres?.stop()]);
  place?.remove();
});

describe.skipIf(!isRoot)("host setup (needs root, for an account of the host's own)", () => {
  test("with all that is printed in place, check, backup, an unchanged backup and a dump work, and nothing else", async () => {
    const path = join(host.folder, "lifeboat-pull");
    const printed = await place.run(["host", "setup", "--print", "web1", "--path", path, "--json"]);
    expect(printed.code, printed.err).toBe(0);
    const setup = jsonLines(printed.out)[0] as Record<string, string>;
    expect(setup).toMatchObject({ message_type: "host_setup", host: "web1", user: account, script_path: path });
    const text = await place.run(["host", "setup", "web1", "--print", "--path", path]);
    for (const part of [
      setup.authorized_keys,
      setup.sudoers,
      setup.script,
      "# - The key reads everything below",
      "symbolic link",
    ])
      expect(text.out).toContain(part);
    const script = await place.run(["host", "setup", "web1", "--only", "script", "--path", path]);
    expect(script.out).toBe(setup.script);

    writeFileSync(path, script.out, { mode: 0o755 });
    writeFileSync(join(host.folder, "authorized_keys"), `${setup.authorized_keys}\n`);
    writeFileSync(join(host.folder, "own-etc-sudoers"), `${setup.sudoers}\n`);
    const checked = await place.run(["host", "check", "web1"]);
    expect(checked.code, `${checked.out}${checked.err}`).toBe(0);

    expect((await place.run(["repo", "init", "--repo", "main"])).code).toBe(0);
    await cheapenKey(place.at("main"), "correct horse");
    const first = await place.run(["backup", "run", "web", "--here", "--json"]);
    expect(first.code, first.err + first.out).toBe(0);
    const second = await place.run(["backup", "run", "web1/pages", "--here", "--json"]);
    expect(jsonLines(second.out).at(-1)).toMatchObject({
      result: "passed",
      files_new: 0,
      files_changed: 0,
      files_unmodified: 20,
    });
    const restored = await place.run(["restore", "web1/pages@latest", "--to", place.at("restored")]);
    expect(restored.code, restored.err).toBe(0);
    expect(readFileSync(join(place.at("restored"), tree, "page-7"), "utf8")).toBe("7\n".repeat(100));

    // To write there is no part of it.
    const back = await place.run(["restore", "web1/pages@latest", "--to", `web1:${join(host.folder, "back")}`]);
    expect([back.code, back.err]).toEqual([1, expect.stringMatching(/lifeboat-pull: refused/)]);
  });

  test("a host without sources, and a part that there is not, are said", async () => {
    expect(await place.run(["host", "setup", "idle", "--print"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("nothing is backed up from idle"),
    });
    expect(await place.run(["host", "setup", "web1", "--only", "all"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("key, sudoers, script"),
    });
  });
});
