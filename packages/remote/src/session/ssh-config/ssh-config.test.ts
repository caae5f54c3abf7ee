import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompiledHost } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { plainHost } from "../../../../../test/fixtures/host-entry.ts";
import { resolveEndpoint } from "../resolve-endpoint.ts";

let home: string;
let config: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "lifeboat-ssh-config-"));
  mkdirSync(join(home, ".ssh"));
  config = join(home, ".ssh/config");
});
afterAll(() => rmSync(home, { recursive: true }));

const resolve = (address: string, changes: Partial<CompiledHost> = {}) =>
  resolveEndpoint(plainHost({ address, sshConfig: config, ...changes }), { homeFolder: home });

/** What OpenSSH itself makes of the file. */
function askSsh(alias: string): Record<string, string[]> {
  const text = execFileSync("ssh", ["-G", "-F", config, alias], { encoding: "utf8" });
  const answer: Record<string, string[]> = {};
  for (const line of text.trim().split("\n")) {
    const [keyword = "", ...value] = line.split(" ");
    answer[keyword] = [...(answer[keyword] ?? []), value.join(" ")];
  }
  return answer;
}

const nasty = `
# a comment
User=early
hostname-is-no-keyword-here-but-unknown-ones-pass yes
`;

describe("what a file says is what ssh reads in it", () => {
  const text = `
Host web* !web9
  HostName = "%h.example.org"   # not part of it
  Port 2201
  IdentityFile /keys/one
\tidentityfile "/keys/two words"
Host web1 db?
    User deploy
    Port 2202
    ProxyJump ops@bastion:2222,inner
    UserKnownHostsFile /k/one /k/two
    HostKeyAlias farm
Host "web2" !web2
  User never
Host=10.0.*
  User=ten
HOST *
  User everyone
  IdentityFile /keys/last
  IdentitiesOnly yes
Match all
  Port 2299
`;
  test.each(["web1", "web2", "web9", "db7", "db77", "10.0.3.4", "WEB1", "other"])("%s", async (alias) => {
    writeFileSync(config, text, { mode: 0o600 });
    const endpoint = await resolve(alias);
    const ssh = askSsh(alias);
    // In lower case, which is the same to DNS.
    expect([endpoint.address.toLowerCase()]).toEqual(ssh.hostname);
    expect([endpoint.user]).toEqual(ssh.user);
    expect([String(endpoint.port)]).toEqual(ssh.port);
    expect(endpoint.identities).toEqual(ssh.identityfile);
    expect(endpoint.identitiesOnly).toBe(ssh.identitiesonly?.[0] === "yes");
    const way = endpoint.jumps.map(({ host, user, port }) => ({ address: host.address, user, port }));
    expect(way).toEqual(
      ssh.proxyjump === undefined
        ? []
        : [
            { address: "bastion", user: "ops", port: 2222 },
            { address: "inner", user: "everyone", port: 2299 },
          ],
    );
    if (ssh.hostkeyalias !== undefined) {
      expect([endpoint.knownName]).toEqual(ssh.hostkeyalias);
      expect(endpoint.knownHosts.slice(0, 2).join(" ")).toBe(ssh.userknownhostsfile?.[0]);
    }
  });

  test("includes, also inside of a block that does not match", async () => {
    mkdirSync(join(home, ".ssh/parts"), { recursive: true });
    const part = join(home, ".ssh/parts");
    writeFileSync(config, `Include ${part}/*.conf\nHost db*\n  Include ${part}/for-db\n  Port 2250\nHost *\n  User last\n`, {
      mode: 0o600,
    });
    writeFileSync(join(part, "b.conf"), "Host web1\n  Port 2222\n", { mode: 0o600 });
    writeFileSync(join(part, "a.conf"), "Host web1\n  Port 2211\n", { mode: 0o600 });
    writeFileSync(join(part, "for-db"), "User dba\nHost web1\n  User wrong\n", { mode: 0o600 });
    for (const alias of ["web1", "db1"]) {
      const endpoint = await resolve(alias);
      const ssh = askSsh(alias);
      expect([[endpoint.user], [String(endpoint.port)]]).toEqual([ssh.user, ssh.port]);
    }
    expect((await resolve("web1")).origins).toMatchObject({ port: { value: "2211", place: join(part, "a.conf:2") } });
  });

  test("the usual file is the home folder's, and a relative include begins beside it", async () => {
    writeFileSync(config, "Include parts/mine\n", { mode: 0o600 });
    writeFileSync(join(home, ".ssh/parts/mine"), "Host web1\n  IdentityFile ~/.ssh/%n-%r\n  User u\n");
    const endpoint = await resolve("web1", { sshConfig: undefined });
    expect(endpoint).toMatchObject({ user: "u", identities: [join(home, ".ssh/web1-u")] });
    expect((await resolve("web1", { sshConfig: false })).user).toBe("root");
  });
});

describe("what is set in the configuration wins", () => {
  test("key by key", async () => {
    writeFileSync(config, "Host *\n  User u\n  Port 1\n  IdentityFile /k\n  ProxyJump b\n  UserKnownHostsFile /h\n");
    const endpoint = await resolve("web1", { user: "own", port: 22, identity: "/mine", jumps: [], knownHosts: "/known" });
    expect(endpoint).toMatchObject({
      user: "own",
      port: 22,
      identities: ["/mine"],
      jumps: [],
      knownHosts: ["/known"],
      origins: {},
    });
  });
});

describe("what is not supported is said", () => {
  test("Match blocks and keywords without a counterpart, with their lines; only where they would apply", async () => {
    writeFileSync(
      config,
      `Host web1\n  CertificateFile /c\nMatch host web1 exec "touch ${home}/ran"\n  User matched\nHost *\n  User u\n`,
    );
    const endpoint = await resolve("web1");
    expect(endpoint.user).toBe("u");
    expect(endpoint.unsupported).toEqual([
      `${config}:2: CertificateFile is not supported`,
      `${config}:3: "Match host web1 exec touch ${home}/ran" is not supported, its lines are passed over`,
    ]);
    expect((await resolve("web2")).unsupported).toHaveLength(1);
  });

  test.each([
    ["Host web1\n  ProxyCommand nc %h %p\n", ":2: ProxyCommand is not supported"],
    ["Port many\n", ":1: many is no port"],
    ['User "open\n', ":1: a quote is not closed"],
    [nasty, ":4: "],
    ["IdentityFile ~/%i\n", ":1: %i in"],
    ["ProxyJump a,,b\n", ':1: "" is no host to jump over'],
    ["Include %CONFIG%\n", "nested deeper than 16"],
    [
      "Host web1\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump web1\n",
      ":6: the way leads in a circle: web1, a, b, web1",
    ],
  ])("refused with its line: %j", async (text, words) => {
    writeFileSync(config, text.replace("%CONFIG%", config));
    await expect(resolve("web1")).rejects.toMatchObject({ code: "ssh-config-invalid", message: expect.stringContaining(words) });
  });

  test("a file that was named must be there", async () => {
    await expect(resolve("web1", { sshConfig: join(home, "none") })).rejects.toMatchObject({ code: "ssh-config-invalid" });
  });
});
