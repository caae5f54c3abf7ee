import { connect } from "node:net";
import { type Catalog, collectProtection } from "@lifeboat/catalog";
import { assessProtection, type CompiledConfig, protectionJson, silentLogger } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWeb } from "./start-web.ts";
import { hostileText, readTestConfig, startTestCompany, type TestCompany, testNowMs } from "./test-company.ts";

let company: TestCompany;
beforeAll(async () => {
  company = await startTestCompany();
});
afterAll(() => company.close());

async function textOf(path: string): Promise<string> {
  const { status, text } = await company.get(path);
  expect(status, path).toBe(200);
  return text;
}

/** Markup gone, as a reader sees it. */
function words(text: string): string {
  return text
    .replace(/<title>.*?<\/title>|<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
}

describe("the overview", () => {
  test("says the verdict first, the same one as status.json and the function behind `lifeboat status`", async () => {
    const page = await textOf("/");
    const protection = assessProtection(await collectProtection(company.catalog, company.config, testNowMs));
    expect(protection.sentence).toBe(
      "Not fully protected: 1 of 7 assets is beyond its RPO and 3 were not proven by a restore in time.",
    );
    expect(words(page)).toContain(protection.sentence);
    const { text, headers } = await company.get("/api/status.json");
    expect(headers.get("content-type")).toContain("application/json");
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(protectionJson(protection))));
  });

  test("names the worst first, with cause, owner and the next command", async () => {
    const page = words(await textOf("/"));
    const late = page.indexOf("late by");
    expect(late).toBeGreaterThan(0);
    expect(page.indexOf("never restored in a test")).toBeGreaterThan(late);
    expect(page).toContain("the database refused the login of 'backup'");
    expect(page).toContain("dba@acme.example");
    expect(page).toContain("lifeboat doctor db2");
  });

  test("gives counts with their whole, times with zone and relative, and the last 30 days", async () => {
    const page = words(await textOf("/"));
    expect(page).toContain("Recoverable to within RPO 6 of 7");
    expect(page).toContain("As of Sat 21 Nov 2026 09:14:03 CET");
    expect(page).toMatch(/RPO kept 9[0-9.]+% of [0-9 ]+ asset-hours/);
    expect(page).toMatch(/Sat 21 Nov 2026 09:0\d CET \(7m ago\)/);
    expect(page).toMatch(/drill shop-weekly Sat 28 Nov 2026 06:00 CET \(in 6d 20h\)/);
  });
});

describe("jobs", () => {
  test("are filtered by the address alone", async () => {
    const rows = async (path: string) => [...(await textOf(path)).matchAll(/<tr><td><time datetime="([^"]+)"/g)].length;
    expect(await rows("/jobs?asset=db2/crm&result=failed&since=30d")).toBe(2);
    expect(await rows("/jobs?kind=drill")).toBe(4);
    expect(await rows("/jobs?kind=drill&result=passed")).toBe(2);
    expect(await rows("/jobs?result=open")).toBe(2);
    expect(await rows("/jobs?kind=backup&asset=web1/etc&since=2026-11-19&until=2026-11-21")).toBe(2);
    expect(words(await textOf("/jobs?result=skipped&kind=prune"))).toContain("No run fits this filter");
  });

  test("come in pages that hold each run once, and keep the filter", async () => {
    const seen: string[] = [];
    let path: string | undefined = "/jobs?kind=backup&since=30d";
    let pages = 0;
    while (path !== undefined) {
      const page: string = await textOf(path);
      seen.push(
        ...[...page.matchAll(/<th scope="row"><a href="\/jobs\/(backup\/[^"]+)">backup/g)].map((match) => match[1] ?? ""),
      );
      path = /rel="next" href="([^"]+)"/.exec(page)?.[1]?.replaceAll("&amp;", "&");
      if (path !== undefined) expect(path).toContain("kind=backup&since=30d");
      pages++;
    }
    const counts = await company.catalog.countRuns({ kinds: ["backup"], sinceMs: testNowMs - 30 * 86_400_000 });
    expect(seen.length).toBe(counts.reduce((sum, one) => sum + one.count, 0));
    expect(new Set(seen).size).toBe(seen.length);
    expect(pages).toBe(Math.ceil(seen.length / 50));
  });

  test("a filter nobody knows is told, not taken for all", async () => {
    expect(words(await textOf("/jobs?kind=backups&since=2026-02-30"))).toMatch(
      /kind=backups is not known.*since=2026-02-30 is not known/,
    );
  });

  test("the same cause is one row with how often and where", async () => {
    const page = words(await textOf("/jobs?since=30d"));
    expect(page).toMatch(/incomplete 3 of 58110 files could not be read 4 web1\/uploads/);
    expect(page).toMatch(/failed the database refused the login of 'backup' 2 db2\/crm/);
  });

  test("a failed one shows cause, effect, timeline and the commands to run next", async () => {
    const [failed] = await company.catalog.history({ object: "db2/crm", results: ["failed"] });
    const page = words(await textOf(`/jobs/${failed?.id}`));
    expect(page).toContain("the database refused the login of 'backup'");
    expect(page).toContain("database-login-refused");
    expect(page).toMatch(/db2\/crm is now LATE/);
    for (const command of ["lifeboat doctor db2", "lifeboat backup run crm --host db2", `lifeboat job show ${failed?.id}`]) {
      expect(page).toContain(command);
    }
  });

  test("an incomplete one shows figures in IEC units and its problems out of how many, names of files as text", async () => {
    const [incomplete] = await company.catalog.history({ object: "web1/uploads", results: ["incomplete"] });
    const raw = await textOf(`/jobs/${incomplete?.id}`);
    expect(words(raw)).toContain("Problems 2 of 3");
    expect(words(raw)).toContain("29.2 GiB");
    expect(words(raw)).toContain(hostileText.replace(/\s+/g, " "));
    expect(raw).not.toContain("<img");
    expect(raw).not.toContain("<style>");
  });

  test("a running one says on which worker and when it last gave a sign of life", async () => {
    const [running] = await company.catalog.history({ states: ["running"] });
    const page = words(await textOf(`/jobs/${running?.id}`));
    expect(page).toMatch(/attempt 1 began on worker-1:4711/);
    expect(page).toContain("last sign of life");
  });
});

describe("assets", () => {
  test("are filtered by state, policy, owner and tier", async () => {
    expect(words(await textOf("/assets"))).toContain("Assets 7 of 7");
    expect(words(await textOf("/assets?state=LATE"))).toContain("Assets 1 of 7");
    expect(words(await textOf("/assets?tier=1&owner=dba%40acme.example"))).toContain("Assets 2 of 7");
    expect(words(await textOf("/assets?policy=files"))).toContain("Assets 1 of 7");
  });

  test("one asset shows objectives, days, snapshots, how to restore it, and says what no drill restores", async () => {
    const page = words(await textOf("/assets/files1/shares"));
    expect(page).toContain("files1/shares UNPROVEN");
    expect(page).toContain("lifeboat restore files1/shares@latest --to DIR");
    expect(page).toContain("41 of 90 days passed, 0 incomplete, 0 failed, 49 without a run");
    expect(page).toContain("No drill restores it");
    expect(words(await textOf("/assets/db2/crm"))).toContain("39 of 90 days passed, 0 incomplete, 2 failed, 49 without a run");
  });

  test("an unknown one is not found, and the page still says where to go", async () => {
    for (const path of ["/assets/web9/etc", "/assets/..%2f..%2fetc%2fpasswd", "/assets/web1", "/nothing"]) {
      const { status, text } = await company.get(path);
      expect(status).toBe(404);
      expect(text).toContain("Not found");
    }
  });
});

describe("drills", () => {
  test("list the last runs with what was achieved against the objective", async () => {
    const page = words(await textOf("/drills"));
    expect(page).toContain("37m of 2h");
    expect(page).toContain("The shop was back in 37m");
  });

  test("a run shows assets, steps, checks with their negative control; the full report runs nothing", async () => {
    const [report] = await company.catalog.drillReports({ drill: "shop-weekly" });
    const page = words(await textOf(`/drills/${report?.runId}`));
    expect(page).toContain("proved one flipped byte was found (a byte of index.html flipped)");
    expect(page).toContain("transfer 23m 62%");
    const full = await company.get(`/drills/${report?.runId}/report.html`);
    expect(full.text).toContain("The report");
    expect(full.headers.get("content-security-policy")).toMatch(/^sandbox; default-src 'none'/);
    expect(JSON.parse((await company.get(`/drills/${report?.runId}/report.json`)).text)).toMatchObject({
      schema: "lifeboat.drill/1",
    });
  });

  test("a run without rendered report, with a damaged one, or unknown, says so", async () => {
    const [failed] = (await company.catalog.drillReports({ drill: "shop-weekly" })).filter(
      (report) => report.result === "failed",
    );
    if (failed === undefined) throw new Error("the test's company has a failed drill");
    expect((await company.get(`/drills/${failed.runId}/report.html`)).status).toBe(404);
    const raw = await textOf(`/drills/${failed.runId}`);
    expect(raw).not.toContain("<img");
    expect(words(raw)).toContain("folder /srv/drill/x");
    const damagedId = "drill/shop-weekly@20200101T000000Z";
    await company.catalog.recordDrillReport({
      ...failed,
      runId: damagedId,
      declared: "2020-01-01T00:00:00Z",
      report: '["no object"',
    });
    expect(words(await textOf(`/drills/${damagedId}`))).toContain("The report cannot be read");
    expect((await company.get("/drills/drill/none@20200101T000000Z")).status).toBe(404);
  });
});

describe("what is not known", () => {
  test("turns the bar yellow after two minutes without the scheduler, and after ten takes the verdict away", async () => {
    const own = await startTestCompany();
    own.clock.set(testNowMs + 121_000);
    const late = words((await own.get("/")).text);
    expect(late).toContain("The scheduler last reported at Sat 21 Nov 2026 09:14:03 CET");
    expect(late).toContain("Not fully protected");
    own.clock.set(testNowMs + 601_000);
    const silent = words((await own.get("/")).text);
    expect(silent).toContain("Unknown since 09:14: the scheduler has not reported since then.");
    expect(silent).not.toContain("Not fully protected");
    expect(silent).toContain("unknown, was 6 of 7");
    for (const path of ["/", "/assets", "/assets/web1/etc"]) {
      const { text } = await own.get(path);
      expect(text, path).not.toMatch(/<span class="word">ok<\/span>/);
      expect(words(text), path).toContain("ok when last known");
    }
    expect(JSON.parse((await own.get("/api/status.json")).text)).toMatchObject({
      level: "unknown",
      scheduler: { state: "silent" },
    });
    await own.close();
  });

  test("without any run nothing is green, and each empty page names the next command", async () => {
    const own = await startTestCompany({ fill: (catalog) => catalog.beat({ program: "scheduler", instance: "one" }) });
    for (const path of ["/", "/assets", "/jobs", "/drills", "/assets/web1/etc"]) {
      const { text } = await own.get(path);
      expect(text, path).not.toMatch(/class="mark good"|class="verdict good"|"bar good"/);
    }
    expect(words((await own.get("/jobs")).text)).toContain("No run yet. Next: lifeboat backup run web");
    expect(words((await own.get("/assets/web1/etc")).text)).toContain("lifeboat backup run web --host web1");
    expect(words((await own.get("/")).text)).toContain("7 of 7 assets are new and not backed up yet");
    await own.close();
  });

  test("a history that cannot be read is said with its hint, and health says no", async () => {
    const own = await startTestCompany({ fill: (catalog) => catalog.beat({ program: "scheduler", instance: "one" }) });
    await own.catalog.close();
    const { status, text } = await own.get("/");
    expect(status).toBe(503);
    expect(words(text)).toContain("Unknown: history could not be read.");
    expect(words(text)).toContain("Check the state folder's disk and rights.");
    expect((await own.get("/healthz")).status).toBe(503);
    await own.web.close();
  });
});

describe("the server", () => {
  test("reads only: any other method is refused", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const { status, headers } = await company.get("/jobs", { method });
      expect([method, status, headers.get("allow")]).toEqual([method, 405, "GET, HEAD"]);
    }
    const head = await company.get("/", { method: "HEAD" });
    expect([head.status, head.text]).toEqual([200, ""]);
  });

  test("sends its policy with every answer, also with errors, and loads nothing from elsewhere", async () => {
    for (const path of ["/", "/assets", "/jobs", "/drills", "/nothing", "/style.css", "/healthz", "/api/status.json", "/%zz"]) {
      const { headers, text } = await company.get(path);
      expect(headers.get("content-security-policy"), path).toMatch(/default-src 'none'/);
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\/|<script|style="/);
    }
    expect((await company.get("/healthz")).text).toBe("ok\n");
  });

  test("on loopback answers under this machine's names only, so that no foreign name can be pointed at it", async () => {
    const { port } = new URL(company.web.url);
    const ask = (host: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), "127.0.0.1", () =>
          socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
        );
        let text = "";
        socket.on("data", (bytes) => (text += bytes));
        socket.on("error", reject);
        socket.on("close", () => resolve(text.split(" ")[1] ?? ""));
      });
    expect(await ask(`localhost:${port}`)).toBe("200");
    expect(await ask("[::1]:1")).toBe("200");
    expect(await ask("evil.example")).toBe("421");
  });

  test("a port that is taken, or an address that is none, is an error that names it", async () => {
    const { port } = new URL(company.web.url);
    const options = { catalog: company.catalog, config: company.config, clock: company.clock, logger: silentLogger };
    await expect(startWeb({ ...options, listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "page-not-served",
      message: expect.stringContaining(port),
    });
    await expect(startWeb({ ...options, listen: "8080" })).rejects.toMatchObject({ code: "page-not-served" });
  });

  test("takes a new configuration from the next request on", async () => {
    const own = await startTestCompany({ fill: (catalog) => catalog.beat({ program: "scheduler", instance: "one" }) });
    const smaller: CompiledConfig = readTestConfig();
    const assets = new Map([...smaller.assets].filter(([name]) => name === "web1/etc"));
    own.web.replaceConfig({ ...smaller, assets });
    expect(words((await own.get("/assets")).text)).toContain("Assets 1 of 1");
    await own.close();
  });

  test("writes nothing to the history", async () => {
    const writers: (keyof Catalog)[] = [];
    const readers =
      /^(findRun|openRuns|history|countRuns|backupEnds|latestRuns|attemptsOf|seenSnapshots|goodCopies|findDrillReport|drillReports|appliedConfigs|beats)$/;
    const watched = new Proxy(company.catalog, {
      get(target, name, receiver) {
        if (typeof name === "string" && name !== "then" && !readers.test(name)) writers.push(name as keyof Catalog);
        return Reflect.get(target, name, receiver);
      },
    });
    const web = await startWeb({
      catalog: watched,
      config: company.config,
      listen: "127.0.0.1:0",
      clock: company.clock,
      logger: silentLogger,
    });
    const [run] = await company.catalog.history({ limit: 1 });
    for (const path of ["", "assets", "assets/web1/etc", "jobs", `jobs/${run?.id}`, "drills", "healthz", "api/status.json"]) {
      expect((await fetch(web.url + path)).status, path).toBe(200);
    }
    await web.close();
    expect(writers).toEqual([]);
  });
});
