import { expect, test } from "vitest";
import { exampleText, nowMs } from "./example-config.ts";
import { explainValue, renderExplanation } from "./explain-value.ts";
import { parseConfig } from "./parse-config.ts";

const { source } = parseConfig([{ path: "lifeboat.yaml", text: exampleText }], { nowMs });
const line = (wanted: string) => exampleText.split("\n").findIndex((one) => one.includes(wanted)) + 1;
const explain = (path: string) => renderExplanation(explainValue(source, path));

test("a value says where it comes from and what it overrides", () => {
  const here = line("objectives: { rpo: 1h");
  const below = line("objectives: { rpo: 26h, rpo_offsite: 40h, rto: 8h");
  expect(explain("policies.crm.objectives.rto")).toBe(
    `2h   from templates.critical-db (lifeboat.yaml:${here}:50), overrides defaults.policy 8h (lifeboat.yaml:${below}:52)`,
  );
  expect(explain("policies.web.timeout")).toMatch(
    /^6h {3}from defaults\.policy \(lifeboat\.yaml:\d+:14\), overrides built-in 12h$/,
  );
  expect(explain("hosts.db1.port")).toBe("22   from built-in");
});

test("list items go by name, id or number", () => {
  expect(explain("policies.web.sources.uploads.exclude")).toContain('"**/thumbnails"');
  expect(explain("policies.web.sources.0.paths")).toContain('["/etc"]');
  expect(explain("drills.shop-weekly.checks.fresh.max_age")).toMatch(/^1h/);
});

test("a secret shows its origin", () => {
  expect(explain("repositories.s3-dr.password")).toMatch(/^\{"file":"\/etc\/lifeboat\/secrets\/dr-password"\}/);
});

test("a path that leads nowhere says how far it leads", () => {
  expect(explain("hosts.bd1.port")).toContain('"hosts" has no "bd1"; did you mean "db1"?');
  expect(explain("polices")).toContain('did you mean "policies"?');
});
