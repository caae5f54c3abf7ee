import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../../test/services/index.ts";
import type { DrillReport } from "./drill-report.ts";
import { formatBytes, formatElapsed } from "./format-figures.ts";
import { maskDeep, maskSecrets } from "./mask-secrets.ts";
import { renderDrillReportHtml } from "./render-html.ts";
import { renderDrillReportJunit } from "./render-junit.ts";
import { renderDrillReportText } from "./render-text.ts";

const nasty = `<script>alert(1)</script> & "quotes" \u0007 \ud800`;

const report: DrillReport = {
  schema: "lifeboat.drill/1",
  run: "drill/shop-weekly@20261121T060300Z",
  drill: "shop-weekly",
  description: "The shop comes back",
  owner: "dba@acme.example",
  outcome: "failed",
  verdict: `The recovery did not do what it must. check health: ${nasty}.`,
  warnings: 1,
  causes: [
    { kind: "failed", where: "check health", reason: nasty },
    { kind: "failed", where: "objective rpo", reason: "snapshot 5be0d7c4 of db1/shop is 2h old, objective 1h" },
    { kind: "warning", where: "provisioning", reason: "another version" },
  ],
  declared_at: "2026-11-21T06:03:00.000Z",
  started_at: "2026-11-21T06:04:00.000Z",
  ended_at: "2026-11-21T06:41:00.000Z",
  objectives: { rto_s: 7200, rpo_s: 3600 },
  achieved: {
    rta_s: null,
    rta_parts: { queue: 60, provision: 60, transfer: 1380, load: 180, application: 240, checks: 120 },
    rpa_s: 7200,
    measured_rpa_s: 1560,
    extrapolated: false,
  },
  assets: [
    {
      asset: "db1/shop",
      kind: "postgresql",
      snapshot: "5be0d7c4".repeat(8),
      time: "2026-11-21T04:03:00.000Z",
      age_s: 7200,
      repository: "s3-dr",
      size_bytes: 15_247_000_000,
      target: "pg",
      restored: true,
      proved_by: ["orders"],
    },
  ],
  targets: [{ id: "pg", type: "postgresql", machine: "drill1", place: "database drill_x on drill1" }],
  steps: [
    {
      id: "db",
      kind: "restore",
      what: "db1/shop to pg",
      verdict: "passed",
      started_s: 120,
      seconds: 1560,
      bytes: 1,
      detail: "14.2 GiB",
      output: null,
    },
    {
      id: "app",
      kind: "run",
      what: "/opt/start",
      verdict: "skipped",
      started_s: null,
      seconds: null,
      bytes: 0,
      detail: "not run",
      output: nasty,
    },
  ],
  checks: [
    {
      id: "orders",
      type: "row_count",
      after: "db",
      severity: "fail",
      verdict: "passed",
      wanted: "12 rows",
      found: "12 rows",
      detail: "",
      started_s: 1680,
      seconds: 1,
      output: null,
      control: {
        kind: "auto",
        verdict: "proved",
        reason: "one row of orders deleted: 11 rows",
        damages: [{ target: "pg", damage: "one row of orders deleted", verdict: "failed", found: "11 rows" }],
        proves: ["db1/shop"],
      },
    },
    {
      id: "health",
      type: "http",
      after: "app",
      severity: "fail",
      verdict: "failed",
      wanted: "status 200",
      found: "status 502",
      detail: nasty,
      started_s: 1700,
      seconds: 60,
      output: nasty,
      control: { kind: "auto", verdict: "not_run", reason: "it did not pass", damages: [], proves: [] },
    },
  ],
  not_covered: ["web1/uploads before 2026"],
  people: [{ role: "started by", who: "scheduler" }],
  findings: [{ number: 1, text: nasty, owner: null }],
  teardown: [{ what: "database drill_x", machine: "drill1", state: "removed", detail: "verified absent" }],
  leftovers: [],
  versions: { tool: "0.1.0" },
  clock_skew_s: { drill1: 0 },
  install_id: "i-1",
  config_sha256: null,
  definition: `command: ${nasty}`,
};

describe("the report as text", () => {
  it("has verdict, figures, causes, checks with their controls and the teardown", () => {
    const text = renderDrillReportText(report);
    expect(text.split("\n")[0]).toBe(
      "DRILL shop-weekly    ✗ FAILED with 1 warning    declared 2026-11-21T06:03:00.000Z    drill/shop-weekly@20261121T060300Z",
    );
    expect(text).toContain(
      "Recovery time   not reached (objective 2h)   queue 1m | provision 1m | transfer 23m | load 3m | application 4m | checks 2m",
    );
    expect(text).toContain("Recovery point  2h (objective 1h, MISSED); newest data inside 26m old");
    expect(text).toContain("says no to damage: one row of orders deleted (on a copy) -> failed, as it should");
    expect(text).toContain("1 of 1 things removed, verified absent");
  });
});

describe("the report as HTML", () => {
  it("is one file without script, and what comes from outside stays text", () => {
    const html = renderDrillReportHtml(report);
    expect(html).not.toMatch(/<script|https?:\/\/|<link|<img|@import|url\(/i);
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot;");
    const titles = [...html.matchAll(/<h2>([^<]*)<\/h2>/g)].map((match) => match[1]);
    expect(titles).toEqual(
      expect.arrayContaining(["Objectives", "Scope", "Timeline", "Checks", "What was not tested", "Evidence"]),
    );
    // Every chart has a text for those who do not see it and a table with its figures.
    expect(html.match(/<svg [^>]*role="img" aria-label="[^"]+the tables? below/g)).toHaveLength(
      html.match(/<svg /g)?.length ?? 0,
    );
  });

  it("prints on A4 without anything cut off", async ({ skip }) => {
    const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
    if (executablePath === undefined) return skip("no chromium here: apt-get install chromium");
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-background-networking"],
    });
    const folder = await mkdtemp(join(tmpdir(), "lb-report-"));
    try {
      const page = await browser.newPage({ viewport: { width: 794, height: 1123 } });
      const broken: string[] = [];
      page.on("request", (request) => request.url().startsWith("file:") || broken.push(request.url()));
      await writeFile(join(folder, "report.html"), renderDrillReportHtml(report));
      await page.goto(`file://${join(folder, "report.html")}`);
      await page.emulateMedia({ media: "print" });
      const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      expect(overflow).toBeLessThanOrEqual(0);
      expect((await page.pdf({ format: "A4" })).subarray(0, 5).toString()).toBe("%PDF-");
      expect(broken).toEqual([]);
    } finally {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("the report as JUnit", () => {
  it("is XML in which a no is a failure, no answer an error, and each objective a case", async () => {
    const xml = renderDrillReportJunit(report);
    // A reader that is not ours.
    const script = `import sys, xml.etree.ElementTree as E
suite = E.fromstring(sys.stdin.buffer.read())
print(suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped"))
print(" ".join(c.get("classname") + "/" + c.get("name") + ":" + (c[0].tag if len(c) else "ok") for c in suite.iter("testcase")))`;
    const { stdout } = await runCommand("python3", ["-c", script], { input: xml });
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "8 2 1 2",
      "shop-weekly.step/db:ok shop-weekly.step/app:skipped shop-weekly.check/orders:ok shop-weekly.check/health:failure " +
        "shop-weekly.control/orders:ok shop-weekly.control/health:skipped shop-weekly.objective/rto:error shop-weekly.objective/rpo:failure",
    ]);
  });
});

describe("secrets and figures", () => {
  it("masks a secret in every form in which a report could hold it", () => {
    const mask = maskSecrets(["p@ss/word", 'say "hi"', "p@ss/wordlonger", "x"]);
    const masked = maskDeep(
      { a: ["url postgresql://u:p%40ss%2Fword@h", { b: "p@ss/wordlonger x" }], c: JSON.stringify('say "hi"') },
      mask,
    );
    expect(masked).toEqual({ a: ["url postgresql://u:***@h", { b: "*** x" }], c: '"***"' });
  });

  it("writes durations and sizes as people say them", () => {
    expect([0, 0.42, 59.6, 60, 2220, 7500, 273_600, -90].map(formatElapsed)).toEqual([
      "0s",
      "0.4s",
      "1m",
      "1m",
      "37m",
      "2h 5m",
      "3d 4h",
      "-1m 30s",
    ]);
    expect([0, 1023, 1024, 9_541_000, 15_247_000_000].map(formatBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "9.1 MiB",
      "14.2 GiB",
    ]);
  });
});
