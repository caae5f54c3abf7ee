import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { findFreePort, runCommand } from "../../../test/services/index.ts";
import { readDrill, runShopDrill, startTestShop, type TestShop } from "./test-shop/test-shop.ts";

// A machine under load is slow, not wrong.
vi.setConfig({ testTimeout: 300_000 });

/** A service: an application over a database whose rows name files in a restored folder. */
let shop: TestShop;
let programs: string;
let port: number;

beforeAll(async () => {
  shop = await startTestShop();
  programs = await mkdtemp(join(tmpdir(), "lifeboat-drill-programs-"));
  port = await findFreePort();
  // Answers 200 when the newest order's file is there, 500 when not: it asks the database each time.
  await writeFile(
    join(programs, "shop.mjs"),
    `import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
const [port, urlFile, folder, always] = process.argv.slice(2);
createServer((request, response) => {
  try {
    if (always === "always") return response.end("ok");
    const url = readFileSync(urlFile, "utf8");
    const upload = execFileSync("psql", [url, "-X", "-A", "-t", "-c", "select upload from orders order by id desc limit 1"], { encoding: "utf8" }).trim();
    if (upload === "" || !existsSync(folder + "/" + upload)) throw new Error("no file");
    response.end("ok");
  } catch (error) {
    response.statusCode = 500;
    response.end("broken");
  }
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
`,
  );
  // Starts the server and leaves it running, as an init script does.
  await writeFile(join(programs, "start"), `${process.execPath} ${programs}/shop.mjs "$@" &\n`);
  // For the newest row: the file that it names must be in the folder.
  await writeFile(
    join(programs, "row-and-file"),
    `upload=$(psql "$(cat "$1")" -X -A -t -c "select upload from orders order by id desc limit 1") && test -n "$upload" && test -f "$2/$upload" && echo "$upload is there"\n`,
  );
});
afterAll(async () => {
  await shop.stop();
  await rm(programs, { recursive: true, force: true });
});
afterEach(async () => {
  expect(await readdir(shop.scratch)).toEqual([]);
  expect(await readdir(shop.journals).catch(() => [])).toEqual([]);
  const { stdout } = await runCommand("sh", ["-c", 'pgrep -f "$1" || true', "sh", `${programs}/shop.mj[s]`]);
  expect(stdout).toBe("");
});

function serviceDrill(checks: string, start = "") {
  return readDrill(`
drills:
  shop:
    objectives: { rto: 2h }
    targets:
      pg: { type: postgresql, server: { address: 127.0.0.1, port: ${shop.server.port}, user: postgres, password: { env: PG } }, database: "drill_{run}" }
      dir: { type: directory, path: "${shop.scratch}/{run}" }
    steps:
      - { id: db, restore: { asset: db1/shop, to: pg } }
      - { id: uploads, restore: { asset: web1/uploads, to: dir, paths: [/srv/uploads] } }
      - { id: app, needs: [db, uploads], run: { command: [sh, "${programs}/start", "${port}", "{pg.url_file}", "{dir.path}"${start}] } }
    checks:
${checks}
`);
}

const rowAndFile = () => `
      - { id: row-and-file, after: app, type: command, run: [sh, "${programs}/row-and-file", "{pg.url_file}", "{dir.path}"], expect: { output: is there } }`;
const health = () => `
      - { id: health, after: app, type: http, url: "http://127.0.0.1:${port}/health", expect: { status: 200, body: ok }, retry: { for: 3s } }`;
const proofs = `
      - { id: orders, after: db, type: row_count, table: orders }
      - { id: hashes, after: uploads, type: file_hash }`;

describe("a service of two assets", () => {
  it("comes back: a row and the file that it names, each check proved on damaged copies of both", async () => {
    const { report } = await runShopDrill(shop, serviceDrill(rowAndFile() + health()));
    expect(report.causes).toEqual([]);
    expect(report.outcome).toBe("passed");
    for (const check of report.checks) {
      const flips = check.control.damages.filter((damage) => damage.verdict === "failed");
      expect(flips.map((damage) => damage.target).sort()).toEqual(["dir", "pg"]);
      expect([...check.control.proves].sort()).toEqual(["db1/shop", "web1/uploads"]);
    }
    // The name of a file is all that it looks at, so emptied files do not bother it: that too is told.
    expect(report.checks[0]?.control.damages).toContainEqual(
      expect.objectContaining({ damage: "every file emptied", verdict: "passed" }),
    );
    expect(report.not_covered).toContain("web1/uploads outside of 1 given paths (step uploads)");
    expect(report.achieved.rta_parts.application).toBeGreaterThan(0);
  });

  it("fails when a row's file did not come back", async () => {
    const afterFiles = (folder: string) => rm(join(folder, "srv/uploads/img-12.jpg"));
    const { report } = await runShopDrill(shop, serviceDrill(proofs + rowAndFile() + health()), { afterFiles });
    expect(report.outcome).toBe("failed");
    const verdicts = report.checks.map((check) => `${check.id} ${check.verdict}`);
    expect(verdicts).toEqual(["orders passed", "hashes failed", "row-and-file failed", "health failed"]);
    expect(report.checks[3]?.detail).toMatch(/-> 500, wanted 200 \(\d+ tries\)$/);
  });

  it("is inconclusive with a server that always answers 200", async () => {
    const { report } = await runShopDrill(shop, serviceDrill(proofs + health(), ", always"));
    expect(report.outcome).toBe("inconclusive");
    expect(report.causes).toHaveLength(1);
    expect(report.causes[0]).toMatchObject({
      where: "check health",
      reason: expect.stringMatching(/^proves nothing: the check still passes/),
    });
  });

  it("fails when nothing answers, and when the application does not start", async () => {
    const silent = serviceDrill(`${proofs}
      - { id: health, after: uploads, type: http, url: "http://127.0.0.1:9/health" }`);
    const { report } = await runShopDrill(shop, silent);
    expect(report.outcome).toBe("failed");
    expect(report.checks[2]).toMatchObject({ verdict: "failed", found: "nothing answers" });
    const broken = await runShopDrill(shop, { ...serviceDrill(proofs + health()), steps: brokenSteps() });
    expect(broken.report.outcome).toBe("failed");
    expect(broken.report.steps[2]).toMatchObject({ verdict: "failed", detail: '"sh" ended with 3: no licence' });
    expect(broken.report.checks[2]).toMatchObject({ verdict: "skipped", detail: "not run: it needs app" });
  });
});

function brokenSteps() {
  const { steps } = serviceDrill(proofs + health());
  return steps.map((step) =>
    step.kind === "run" ? { ...step, run: { host: undefined, command: ["sh", "-c", "echo no licence; exit 3"] } } : step,
  );
}
