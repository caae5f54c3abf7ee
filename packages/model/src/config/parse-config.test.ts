// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration's own variables look like that
import { expect, test } from "vitest";
import { brief, exampleText, nowMs, parseText } from "./example-config.ts";
import { listIncludes } from "./list-includes.ts";
import { parseConfig, parseDrillFile } from "./parse-config.ts";

const base = `
repositories: { main: { url: /srv/repo, password: { env: P } } }
hosts: { web1: {}, db1: {}, lab: { purpose: scratch } }
`;
const policy = (body: string) => `${base}policies:\n  web:\n    hosts: [web1]\n    repository: main\n${body}`;
const sources = "    sources: [{ name: etc, type: files, paths: [/etc] }]\n";
const codes = (text: string) => parseText(text).problems.map(({ code }) => code);

test("the example of a company has no problem", () => {
  const { config, problems } = parseConfig([{ path: "lifeboat.yaml", text: exampleText }], { nowMs });
  expect(brief(problems)).toEqual([]);
  expect([...config!.assets.keys()].sort()).toEqual([
    "db1/shop",
    "db2/crm",
    "files1/shares",
    "web1/etc",
    "web1/uploads",
    "web2/etc",
    "web2/uploads",
  ]);
  expect(config!.control.redisUrl).toBe("redis://127.0.0.1:6379");
  expect(config!.repositories.get("s3-dr")).toMatchObject({
    password: { file: "/etc/lifeboat/secrets/dr-password" },
    credentials: { kind: "keys", accessKeyId: { env: "DR_KEY_ID" }, secretAccessKey: { systemd: "dr-secret" } },
  });
  expect(config!.repositories.get("s3-main")).toMatchObject({
    password: { command: ["vault", "kv", "get"], timeoutSeconds: 10 },
    verify: { everyByteWithinSeconds: 90 * 86_400, maxBytesPerDay: 50 * 1024 ** 3 },
    prune: { maxUnusedRatio: 0.1 },
  });
});

test("layers: built-in, defaults, templates, policy, source; maps merge, lists replace, key+ appends", () => {
  const { config } = parseConfig([{ path: "lifeboat.yaml", text: exampleText }], { nowMs });
  const crm = config!.policies.get("crm")!;
  expect(crm.objectives).toEqual({
    rpoSeconds: 26 * 3600,
    rpoOffsiteSeconds: 40 * 3600,
    rtoSeconds: 2 * 3600,
    drillEverySeconds: 7 * 86_400,
    verifyEverySeconds: 7 * 86_400,
  });
  // "every" of the policy replaces the template's "cron", but its jitter stays.
  expect(crm.schedule).toEqual({
    when: { kind: "every", seconds: 21_600, timezone: "Europe/Berlin" },
    jitterSeconds: 180,
    catchUp: "once",
  });
  expect(crm.replicate).toEqual({ to: ["s3-dr"], maxLagSeconds: 7200 });
  expect(config!.assets.get("web1/uploads")!.source).toMatchObject({
    paths: ["/srv/www/uploads"],
    exclude: ["**/node_modules", "**/.cache", "*.tmp", "**/thumbnails"],
    guards: { maxShrinkRatio: 0.5, maxUnreadable: 10 },
  });
  expect(config!.assets.get("db1/shop")!.source.guards).toEqual({
    minBytes: 500 * 1024 ** 2,
    maxShrinkRatio: 0.2,
    maxUnreadable: 10,
  });
  expect(config!.hosts.get("files1")).toMatchObject({
    user: "backup",
    sudo: false,
    port: undefined,
    connectTimeoutSeconds: 15,
    hostKey: undefined,
  });
});

test("a small file is enough", () => {
  const { config, problems } = parseText(policy(sources));
  expect(brief(problems)).toEqual([]);
  expect(config!.hosts.get("web1")).toMatchObject({ address: "web1", port: undefined, user: undefined, purpose: "production" });
  expect(config!.policies.get("web")).toMatchObject({
    schedule: { when: { kind: "manual", timezone: "UTC" } },
    retention: undefined,
    timeoutSeconds: 43_200,
    retry: { attempts: 3, backoffSeconds: 120, maxSeconds: 1800 },
  });
});

test("an unknown key has its place, what is known there and a suggestion", () => {
  const { config, problems } = parseText(policy(`    retension: { daily: 30 }\n${sources}`));
  expect(config).toBeUndefined();
  expect(problems).toEqual([
    {
      severity: "error",
      code: "unknown-key",
      message: 'unknown key "retension" in policy "web"',
      hint: 'did you mean "retention"?',
      place: { file: "lifeboat.yaml", line: 9, column: 5, endColumn: 14 },
      known: expect.arrayContaining(["exclude", "retention", "schedule"]),
    },
  ]);
});

test.each([
  ["keep_daily: 3", 'did you mean "retention.daily"?'],
  ["cron_expression: x", undefined],
  ["schedule: { cron_expression: x }", 'did you mean "cron"?'],
  ["notify: ops", "this version of Lifeboat does not have it yet; remove it"],
  ["<<: { tier: 1 }", "there is no << here; use templates and extends"],
  ["Timeout: 3h", 'did you mean "timeout"?'],
])("%s is unknown: %s", (line, hint) => {
  const { problems } = parseText(policy(`    ${line}\n${sources}`));
  expect(problems.map((problem) => [problem.code, problem.hint])).toEqual([["unknown-key", hint]]);
});

test("of a choice by type only the picked branch speaks", () => {
  const { problems } = parseText(
    policy("    sources: [{ name: a, type: files, path: /etc, paths: [/etc] }, { name: b, type: fils }]\n"),
  );
  expect(brief(problems)).toEqual([
    '8:39 unknown-key unknown key "path" in source "a" of policy "web"',
    '8:85 bad-value "fils" is not one of files, postgresql, sqlite',
  ]);
  expect(problems[0]!.known).toEqual([
    "exclude",
    "exclude_caches",
    "exclude_if_present",
    "exclude_larger_than",
    "guards",
    "include",
    "name",
    "one_filesystem",
    "paths",
    "type",
  ]);
});

test("all problems of all files at once, sorted by place", () => {
  const files = [
    {
      path: "lifeboat.yaml",
      text: `version: 1\ninclude: [b.yaml]\n${policy(`    timeout: 5\n${sources}`).replace("[web1]", "[wbe1]")}`,
    },
    { path: "b.yaml", text: "hosts: { web1: {}, x: { prot: 22 } }\ninclude: [c.yaml]\n" },
  ];
  expect(parseConfig(files, { nowMs }).problems.map(({ place, code }) => `${place.file}:${place.line} ${code}`)).toEqual([
    "lifeboat.yaml:8 unknown-reference",
    "lifeboat.yaml:10 missing-unit",
    "b.yaml:1 duplicate-name",
    "b.yaml:1 unknown-key",
    "b.yaml:2 nested-include",
  ]);
});

test("an unknown name says what it may have meant, and where that is", () => {
  const { problems } = parseText(
    policy(sources).replace("hosts: [web1]", "hosts: [dbl]").replace("repository: main", "repository: mian"),
  );
  expect(problems.map(({ message, hint }) => `${message}; ${hint}`)).toEqual([
    'host "dbl" is not defined; did you mean "db1" (lifeboat.yaml:4)?',
    'repository "mian" is not defined; did you mean "main" (lifeboat.yaml:3)?',
  ]);
});

test.each([
  ["a plain password", base.replace("{ env: P }", "hunter2")],
  ["a password in a form that does not exist", base.replace("{ env: P }", "{ plain: hunter2 }")],
  ["a password in a URL", base.replace("/srv/repo", "s3:https://key:hunter2@s3.example/b")],
  ["a password in the queue's URL", "control: { redis: { url: 'redis://:hunter2@127.0.0.1' } }"],
  ["a number", base.replace("{ env: P }", "123456")],
])("%s is an inline secret", (_, text) => {
  const { problems } = parseText(text);
  expect(problems.map(({ code }) => code)).toEqual(["inline-secret"]);
  expect(JSON.stringify(problems)).not.toMatch(/hunter2|123456/);
});

test.each([
  ["timeout: 90", "missing-unit"],
  ["timeout: 1.5h", "bad-value"],
  ["timeout: 0s", "bad-value"],
  ["guards: { min_bytes: 500 }", "missing-unit"],
  ["guards: { min_bytes: 500MB }", "bad-value"],
  ["guards: { max_shrink: 0.5 }", "missing-unit"],
  ["guards: { max_shrink: 150% }", "bad-value"],
  ["schedule: { cron: '0 0 1 * 1' }", "bad-value"],
  ["schedule: { cron: '0 0 * * *', timezone: Europe/Berln }", "bad-value"],
  ["schedule: { cron: '0 0 * * *', every: 6h }", "bad-value"],
  ["retention: {}", "bad-value"],
  ["retention: { daily: -2 }", "bad-value"],
  ["extends: [nope]", "unknown-reference"],
  ["replicate: { to: [main] }", "bad-reference"],
  ["tier: high", "bad-value"],
])("%s is refused as %s", (line, code) => expect(codes(policy(`    ${line}\n${sources}`))).toEqual([code]));

test.each([
  ["sources: [{ name: e, type: files, paths: [etc] }]", "bad-value"],
  ["sources: [{ name: e, type: files, paths: [/a/../etc] }]", "bad-value"],
  ["sources: [{ name: e, type: files }]", "missing-key"],
  ["sources: [{ name: e, type: postgresql, database: 'x host=evil' }]", "bad-value"],
  ["sources: [{ name: e, type: postgresql, database: --help }]", "bad-value"],
  ["sources: [{ name: E, type: files, paths: [/etc] }]", "bad-name"],
  ["sources: [{ name: e, type: files, paths: [/a] }, { name: e, type: files, paths: [/b] }]", "duplicate-name"],
])("%s is refused as %s", (line, code) => expect(codes(policy(`    ${line}\n`))).toEqual([code]));

test("a host in two policies with the same source is one asset too many", () => {
  expect(codes(`${policy(sources)}  more:\n    hosts: [web1]\n    repository: main\n${sources}`)).toEqual(["duplicate-name"]);
});

test("hosts by tag: every tag must be there", () => {
  const tagged = base.replace("web1: {}", "web1: { tags: [a, b] }").replace("db1: {}", "db1: { tags: [a] }");
  const text = (tags: string) =>
    `${tagged}policies: { p: { hosts: { tags: [${tags}] }, repository: main, sources: [{ name: e, type: files, paths: [/e] }] } }`;
  expect([...parseText(text("a")).config!.assets.keys()]).toEqual(["web1/e", "db1/e"]);
  expect([...parseText(text("a, b")).config!.assets.keys()]).toEqual(["web1/e"]);
  expect(codes(text("c"))).toEqual(["unknown-reference"]);
});

test("an objective that the schedule can never meet", () => {
  const text = (rpo: string, schedule: string) =>
    policy(`    objectives: { rpo: ${rpo} }\n    schedule: { ${schedule} }\n${sources}`);
  const [problem] = parseText(text("1h", 'cron: "0 */2 * * *", jitter: 3m')).problems;
  expect(problem).toMatchObject({
    code: "rpo-unreachable",
    hint: "longest gap 2h + jitter 3m = 2h 3m; rpo is set at lifeboat.yaml:9",
    place: { line: 10, column: 23 },
  });
  expect(codes(text("26h", 'cron: "0 1 * * *", timezone: Europe/Berlin'))).toEqual([]);
  // The day with 25 hours counts.
  expect(codes(text("24h", 'cron: "0 1 * * *", timezone: Europe/Berlin'))).toEqual(["rpo-unreachable"]);
  const { config, problems } = parseText(policy(`    objectives: { rpo: 1h }\n${sources}`));
  expect(config).toBeDefined();
  expect(problems).toMatchObject([{ severity: "warning", code: "rpo-unreachable" }]);
});

test("variables are filled in after parsing, outside secrets only", () => {
  const text =
    "company: { name: '${NAME:-Acme}', timezone: '${ZONE}' }\nhosts:\n  a:\n    port: ${PORT}\n    address: \"${A:-}.example\"\n";
  const { config } = parseText(text, { ZONE: "Asia/Tokyo", PORT: "2222", A: "a:{b:[}" });
  expect(config!.company).toEqual({ name: "Acme", timezone: "Asia/Tokyo" });
  expect(config!.hosts.get("a")!.port).toBe(2222);
  expect(brief(parseText("company: { name: '${NAME}' }").problems)).toEqual(["1:18 unset-variable variable NAME is not set"]);
  expect(codes(base.replace("{ env: P }", "{ file: '/run/${P}' }"))).toEqual(["bad-value"]);
});

test.each([
  ["a: [", "yaml-syntax"],
  ["company: !!js/function x", "yaml-syntax"],
  [`company: ${"[".repeat(3000)}`, "too-big"],
  ["company: &a { name: x }\ncompany: *a", "duplicate-key"],
  ["- a", "bad-value"],
])("%s is answered with a problem, not with a crash", (text, code) => {
  const { problems } = text.startsWith("-") ? parseConfig([{ path: "x", text }], { nowMs }) : parseText(text);
  expect(problems[0]!.code === code || problems.some((problem) => problem.code === code || problem.code === "yaml-syntax")).toBe(
    true,
  );
});

test("aliases that multiply are bounded", () => {
  const lines = Array.from(
    { length: 12 },
    (_, index) => `  a${index + 1}: &a${index + 1} [${Array(10).fill(`*a${index}`).join(", ")}]`,
  );
  expect(parseText(`hosts:\n  a0: &a0 [x]\n${lines.join("\n")}`).problems.map(({ code }) => code)).toContain("too-big");
});

test("keys of the language's own objects are keys like any other", () => {
  expect(brief(parseText("hosts: { __proto__: { address: x }, constructor: {} }").problems)).toEqual([
    expect.stringContaining("bad-name"),
  ]);
});

test("a version that is not known is refused, never guessed", () => {
  expect(parseConfig([{ path: "x", text: "version: 2\n" }], { nowMs }).problems.map(({ code }) => code)).toEqual([
    "unsupported-version",
  ]);
  expect(parseConfig([{ path: "x", text: "hosts: {}\n" }], { nowMs }).problems.map(({ code }) => code)).toEqual(["missing-key"]);
});

test("includes are listed for the caller, named things spread over files", () => {
  expect(listIncludes("a", "version: 1\ninclude: [hosts.d/*.yaml, drills.d/*.yaml]\n")).toEqual({
    patterns: ["hosts.d/*.yaml", "drills.d/*.yaml"],
    problems: [],
  });
  const files = [
    { path: "a", text: "version: 1\ninclude: [b]\nhosts: { x: {} }\n" },
    { path: "b", text: "hosts: { y: {} }\n" },
  ];
  expect([...parseConfig(files, { nowMs }).config!.hosts.keys()]).toEqual(["x", "y"]);
});

test("a drill file stands alone", () => {
  const text = `drills:
  home:
    targets: { dir: { type: directory, path: "/tmp/{run}" } }
    steps: [{ id: a, restore: { asset: web1/etc, to: dir } }]
    checks: [{ id: h, after: a, type: file_hash, sample: 50% }]
`;
  const { drills, problems } = parseDrillFile("drill.yaml", text, { nowMs });
  expect(brief(problems)).toEqual([]);
  expect(drills.get("home")).toMatchObject({ deadlineSeconds: 14_400, snapshot: { pick: { kind: "latest" } } });
  expect(drills.get("home")!.text).toBe(text.slice(text.indexOf("home")).trimEnd());
  expect(parseDrillFile("drill.yaml", text, { nowMs, assets: new Map() }).problems.map(({ code }) => code)).toEqual([
    "unknown-reference",
  ]);
});

test("the way to a host: names of hosts are those hosts, everything else is an address", () => {
  const hosts = (text: string) => parseText(policy(sources).replace("hosts: { web1: {},", `hosts: { ${text},`));
  const { config, problems } = hosts(
    'web1: { identity: /k, proxy_jump: "gate,ops@10.0.0.9:2222" }, gate: { address: gate.example, user: jump, proxy_jump: outer }',
  );
  expect(brief(problems)).toEqual([]);
  const way = config!.hosts
    .get("web1")!
    .jumps!.map(({ name, address, user, port, identity }) => [name, address, user, port, identity]);
  expect(way).toEqual([
    ["gate", "gate.example", "jump", undefined, undefined],
    ["10.0.0.9", "10.0.0.9", "ops", 2222, "/k"],
  ]);
  expect(config!.hosts.get("web1")!.jumps![0]!.jumps!.map(({ name }) => name)).toEqual(["outer"]);
  expect(hosts("web1: { proxy_jump: none }").config!.hosts.get("web1")!.jumps).toEqual([]);
  expect(hosts("web1: {}").config!.hosts.get("web1")!.jumps).toBeUndefined();
  const circle = hosts("web1: { proxy_jump: gate }, gate: { proxy_jump: web1 }").problems;
  expect(circle.map(({ code, message }) => [code, message])).toContainEqual([
    "cycle",
    'the way to "web1" leads in a circle: web1, gate, web1',
  ]);
  expect(hosts('web1: { proxy_jump: "a b" }').problems[0]?.message).toMatch(/"a b" is no host to jump over/);
  // A default for all reaches the jump host too.
  const all = parseText(`${policy(sources)}defaults: { host: { proxy_jump: lab } }\n`).config!;
  expect([all.hosts.get("lab")!.jumps, all.hosts.get("web1")!.jumps![0]!.name]).toEqual([[], "lab"]);
});
