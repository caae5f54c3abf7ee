import { expect, test } from "vitest";
import { brief, exampleText, nowMs, parseText } from "../config/example-config.ts";
import { parseConfig } from "../config/parse-config.ts";

const base = `
repositories: { main: { url: /srv/repo, password: { env: P } } }
hosts: { web1: { address: 10.0.0.1 }, lab: { purpose: scratch } }
policies:
  p:
    hosts: [web1]
    repository: main
    objectives: { rto: 3h }
    sources:
      - { name: etc, type: files, paths: [/etc] }
      - { name: shop, type: postgresql, database: shop, record: { rows: [orders] } }
`;
const good = {
  targets: "{ dir: { type: directory, host: lab, path: '/t/{run}' }, pg: { type: postgresql, host: lab } }",
  steps: "[{ id: a, restore: { asset: web1/etc, to: dir } }, { id: b, restore: { asset: web1/shop, to: pg } }]",
  checks: "[{ id: h, after: a, type: file_hash }, { id: r, after: b, type: row_count, table: orders }]",
  snapshot: "{ pick: latest }",
};
const withParts = (parts: Partial<typeof good>) => {
  const all = { ...good, ...parts };
  return parseText(
    `${base}drills:\n  d:\n${Object.entries(all)
      .map(([key, value]) => `    ${key}: ${value}\n`)
      .join("")}`,
  );
};
const codes = (parts: Partial<typeof good>) => withParts(parts).problems.map(({ code }) => code);

test("a drill takes the strictest objective of its assets and has proving defaults", () => {
  const { config, problems } = withParts({});
  expect(brief(problems)).toEqual([]);
  const drill = config!.drills.get("d")!;
  expect(drill.objectives).toEqual({ rtoSeconds: 10_800, rpoSeconds: undefined });
  expect(drill.checks).toMatchObject([
    { id: "h", severity: "fail", control: { kind: "auto" }, sampleRatio: 1, against: "snapshot" },
    { id: "r", compare: "recorded", toleranceRatio: 0 },
  ]);
  expect(drill.targets.get("pg")).toMatchObject({ server: { kind: "throwaway" }, database: "drill_{run}" });
});

test("the example's drill compiles whole", () => {
  const { config } = parseConfig([{ path: "lifeboat.yaml", text: exampleText }], { nowMs });
  const drill = config!.drills.get("shop-weekly")!;
  expect(drill.steps.map(({ id, kind, needs }) => `${id} ${kind} ${needs}`)).toEqual([
    "db restore ",
    "uploads restore ",
    "app run db,uploads",
  ]);
  expect(drill.checks.at(-1)).toMatchObject({ type: "command", expectExit: 0, control: { kind: "run", argv: ["break"] } });
  expect(drill.objectives).toEqual({ rtoSeconds: 7200, rpoSeconds: 3600 });
});

test.each([
  [
    "a target on a production host",
    { targets: good.targets.replaceAll("lab", "web1") },
    ["target-not-scratch", "target-not-scratch"],
  ],
  [
    "a server that is a production host",
    { targets: good.targets.replace("host: lab } }", "server: { address: 10.0.0.1 } } }") },
    ["target-not-scratch"],
  ],
  ["a fixed folder", { targets: good.targets.replace("/{run}", "") }, ["target-without-run"]],
  [
    "a command on a production host",
    { steps: good.steps.replace("]", ", { id: c, run: { host: web1, command: [rm] } }]") },
    ["target-not-scratch"],
  ],
  ["an unknown target", { steps: good.steps.replace("to: pg", "to: pgg") }, ["unknown-reference", "bad-reference"]],
  ["an unknown asset", { steps: good.steps.replace("web1/shop", "web1/shp") }, ["unknown-reference"]],
  ["files into a database", { steps: good.steps.replace("web1/shop", "web1/etc") }, ["bad-reference"]],
  ["a check after no step", { checks: good.checks.replace("after: b", "after: z") }, ["unproven-asset", "unknown-reference"]],
  ["a database check after files", { checks: good.checks.replace("after: b", "after: a") }, ["unproven-asset", "bad-reference"]],
  ["rows that nobody recorded", { checks: good.checks.replace("orders", "items") }, ["bad-reference"]],
  ["no control at all", { checks: good.checks.replace("file_hash", "file_hash, control: none") }, ["unproven-asset"]],
  ["a step without a deed", { steps: good.steps.replace("]", ", { id: c }]") }, ["bad-value"]],
  ["an id twice", { checks: good.checks.replace("id: r", "id: h") }, ["duplicate-name"]],
  [
    "a circle",
    {
      steps:
        "[{ id: a, restore: { asset: web1/etc, to: dir }, needs: [b] }, { id: b, restore: { asset: web1/shop, to: pg }, needs: [a] }]",
    },
    ["cycle"],
  ],
  ["a random pick without a range", { snapshot: "{ pick: random }" }, ["missing-key"]],
  ["a time that means nothing", { snapshot: "{ pick: latest, within: 3d }" }, ["bad-value"]],
  ["an unknown repository", { snapshot: "{ from: mian }" }, ["unknown-reference"]],
  ["a container", { targets: good.targets.replace("host: lab } }", "server: { container: x } } }") }, ["unknown-key"]],
])("%s is reported", (_, parts, wanted) => expect(codes(parts)).toEqual(wanted));

test("what is wrong keeps its own line in long lists", () => {
  const checks =
    "[{ id: h, after: a }, { id: r, after: b, type: row_count, table: orders }, { id: x, after: b, type: sql, query: q, expct: 1 }]";
  expect(withParts({ checks }).problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
    expect.stringMatching(/^missing-key .*"type"/),
    expect.stringMatching(/^missing-key check "x" needs expect/),
    'unknown-key unknown key "expct" in check "x" of drill "d"',
  ]);
});
