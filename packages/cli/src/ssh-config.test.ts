import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type SshHost, startSshHost } from "../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let bastion: SshHost;
let inner: SshHost;

beforeAll(async () => {
  place = createPlace();
  [bastion, inner] = await Promise.all([startSshHost(), startSshHost()]);
  mkdirSync(place.at("home/.ssh"));
  writeFileSync(
    place.at("home/.ssh/config"),
    `Host web1
  HostName 127.0.0.1
  Port ${inner.port}
  IdentityFile ${inner.identityFile}
  ProxyJump bastion
Host bastion
  HostName 127.0.0.1
  Port ${bastion.port}
  IdentityFile ${bastion.identityFile}
Match host elsewhere
  User nobody
`,
  );
  place.write("password", "correct horse\n");
  place.write(
    "lifeboat.yaml",
    `version: 1
repositories: { main: { url: "${place.at("main")}", password: { file: "${place.at("password")}" } } }
defaults: { host: { user: ${inner.user} } }
hosts: { web1: {} }
policies:
  web: { hosts: [web1], repository: main, sources: [{ name: keys, type: files, paths: ["${inner.folder}"] }] }
`,
  );
});
afterAll(async () => {
  await Promise.all([bastion?.stop(), inner?.stop()]);
  place?.remove();
});

test("a host that only ssh_config knows is explained, trusted on its whole way, and checked", async () => {
  const explained = await place.run(["config", "explain", "hosts.web1.port"]);
  expect(explained.out).toContain(`${inner.port}   from ${place.at("home/.ssh/config")}:3, overrides built-in 22`);
  expect((await place.run(["config", "explain", "hosts.web1.user"])).out).toContain("from defaults.host");
  const jump = await place.run(["config", "explain", "hosts.web1.proxy_jump", "--json"]);
  expect(JSON.parse(jump.out)).toMatchObject({ found: true, value: "bastion" });

  const refused = await place.run(["host", "check", "web1"]);
  expect([refused.code, refused.out]).toEqual([
    1,
    expect.stringMatching(/key .* of bastion .*jump host bastion.*host trust web1/),
  ]);
  const trusted = await place.run(["host", "trust", "web1", "--yes", "--json"]);
  expect(trusted.code, trusted.err).toBe(0);
  expect(jsonLines(trusted.out).map(({ host }) => host)).toEqual(["bastion", "web1"]);
  expect(readFileSync(place.at("home/.ssh/known_hosts"), "utf8").trim().split("\n")).toHaveLength(2);

  const checked = await place.run(["host", "check", "web1"]);
  expect(checked.code, checked.out).toBe(0);
  expect(checked.out).toMatch(/✓ host web1: proxy_jump bastion \(.*config:5\)/);
  expect(checked.out).toMatch(/✓ host web1: .*@127\.0\.0\.1:[0-9]+ logged in with a known key by way of bastion/);
  expect(checked.out).toMatch(/! host web1: .*config:10: "Match host elsewhere" is not supported/);
});

test("with ssh_config: false the name is an address and nothing else", async () => {
  place.write(
    "direct.yaml",
    readFileSync(place.at("lifeboat.yaml"), "utf8").replace(
      "web1: {}",
      "web1: { ssh_config: false, address: localhost, port: 1 }",
    ),
  );
  const { code, out } = await place.run(["host", "check", "web1", "--config", "direct.yaml"]);
  expect([code, out]).toEqual([1, expect.not.stringContaining("bastion")]);
});
