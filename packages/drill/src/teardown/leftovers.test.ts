import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError, silentLogger } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../../test/services/index.ts";
import { readDrill, runShopDrill, startTestShop, type TestShop, testClock } from "../test-shop/test-shop.ts";
import { sweepLeftovers } from "./sweep-leftovers.ts";

// A machine under load is slow, not wrong.
vi.setConfig({ testTimeout: 300_000 });

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop.stop());

function drill(more: string, steps = "") {
  return readDrill(`
drills:
  files:
${more}
    targets:
      dir: { type: directory, path: "${shop.scratch}/{run}" }
      pg: { type: postgresql }
    steps:
      - { id: uploads, restore: { asset: web1/uploads, to: dir } }
      - { id: db, restore: { asset: db1/shop, to: pg } }
${steps}
    checks:
      - { id: hashes, after: uploads, type: file_hash }
      - { id: orders, after: db, type: row_count, table: orders }
`);
}

async function sweep(aheadMs: number) {
  const clock = { ...testClock, now: () => Date.now() + aheadMs };
  return sweepLeftovers({
    folder: shop.journals,
    machine: async () => shop.machine,
    resolveSecret: async () => shop.password,
    clock,
    logger: silentLogger,
    signal: new AbortController().signal,
  });
}

async function expectNothingLeft(): Promise<void> {
  expect(await readdir(shop.scratch)).toEqual([]);
  expect(await readdir(shop.journals)).toEqual([]);
  const { stdout } = await runCommand("sh", [
    "-c",
    "grep -lazF LIFEBOAT_DRILL_RUN=files /proc/[0-9]*/environ 2>/dev/null || true",
  ]);
  expect(stdout).toBe("");
  const servers = await runCommand("sh", ["-c", 'pgrep -f "$1" || true', "sh", `${shop.scratch}/[l]ifeboat-drill`]);
  expect(servers.stdout).toBe("");
}

describe("teardown", () => {
  it("comes at the deadline, also while a step hangs, and ends the step's programs", async () => {
    const hang = '      - { id: hang, run: { command: [sh, -c, "sleep 600 & sleep 600"] } }';
    const { report } = await runShopDrill(shop, drill("    deadline: 4s", hang));
    expect(report.outcome).toBe("inconclusive");
    expect(report.causes[0]).toMatchObject({ where: "deadline", reason: "the drill was not done after 4 s" });
    expect(report.achieved.rta_s).toBeNull();
    await expectNothingLeft();
  });

  it("counts a deadline beyond the objective as failed", async () => {
    const hang = '      - { id: hang, run: { command: [sleep, "600"] } }';
    const late = drill("    deadline: 2s\n    objectives: { rto: 1s }", hang);
    const { report } = await runShopDrill(shop, late);
    expect(report.outcome).toBe("failed");
    expect(report.causes[0]).toMatchObject({ where: "objective rto", reason: expect.stringMatching(/^not recovered after/) });
    await expectNothingLeft();
  });

  it("comes when the drill is stopped by a person", async () => {
    const stop = new AbortController();
    const running = runShopDrill(shop, drill("", "      - { id: pause, wait: 10m }"), {
      signal: stop.signal,
      ports: { progress: (event) => event.id === "pause" && stop.abort(new Error("stopped by a person")) },
    });
    const { report } = await running;
    expect(report.outcome).toBe("cancelled");
    await expectNothingLeft();
  });

  it("tells what could not be removed, and the sweeper removes it later", async () => {
    let guard = "";
    const { report } = await runShopDrill(shop, drill(""), {
      afterFiles: async (folder) => {
        guard = folder;
        await runCommand("mount", ["-t", "tmpfs", "none", join(folder, "srv")]);
      },
    });
    expect(report.leftovers).toEqual([expect.objectContaining({ state: "left", what: expect.stringContaining(guard) })]);
    expect(report.causes).toContainEqual(expect.objectContaining({ kind: "warning", where: "teardown" }));
    await runCommand("umount", [join(guard, "srv")]);
    expect(await sweep(0)).toEqual([]);
    const [swept] = await sweep(24 * 3600_000);
    expect(swept?.drill).toBe("files");
    expect(swept?.things.every((thing) => thing.state === "removed")).toBe(true);
    await expectNothingLeft();
  });
});

describe("keep_on_failure", () => {
  it("keeps the data of a failed drill until the sweeper comes, but no program", async () => {
    const kept = drill(
      "    teardown: { keep_on_failure: 12h }",
      '      - { id: app, run: { command: [sh, -c, "sleep 600 & exit 1"] } }',
    );
    const { report } = await runShopDrill(shop, kept);
    expect(report.outcome).toBe("failed");
    expect(report.leftovers.length).toBeGreaterThan(0);
    expect(report.leftovers.every((thing) => thing.state === "kept")).toBe(true);
    expect(await readdir(shop.scratch)).toHaveLength(2);
    expect(await sweep(11 * 3600_000)).toEqual([]);
    const [swept] = await sweep(13 * 3600_000);
    expect(swept?.things.every((thing) => thing.state === "removed")).toBe(true);
    await expectNothingLeft();
  });
});

describe("preflight", () => {
  it("refuses hosts that are not for scratch, before anything is made", async () => {
    const onHost = (host: string) => {
      const here = drill("");
      return { ...here, targets: new Map([...here.targets].map(([id, target]) => [id, { ...target, host }])) };
    };
    await expect(runShopDrill(shop, onHost("prod1"))).rejects.toThrow(/host "prod1" is not "purpose: scratch"/);
    await expect(runShopDrill(shop, onHost("nowhere"))).rejects.toThrow(/host "nowhere" is not in the configuration/);
    await expectNothingLeft();
  });

  it("is inconclusive when there is too little space, and writes nothing", async () => {
    const big = drill("");
    const [dir] = big.targets.values();
    const targets = new Map(big.targets).set("dir", { ...dir!, minFreeBytes: 2 ** 60 } as never);
    const { report } = await runShopDrill(shop, { ...big, targets });
    expect(report.outcome).toBe("inconclusive");
    expect(report.causes).toEqual([
      {
        kind: "inconclusive",
        where: "preflight",
        reason: expect.stringMatching(/^too little space for target "dir" .* 1024\.0 PiB needed$/),
      },
    ]);
    await expectNothingLeft();
  });

  it("fails without a snapshot to recover from, and is inconclusive when a machine does not answer", async () => {
    const none = async () => {
      throw new LifeboatError("snapshot-not-found", "s3-dr has no snapshot of web1/uploads");
    };
    const missing = await runShopDrill(shop, drill(""), { ports: { selectSnapshot: none } });
    expect(missing.report.outcome).toBe("failed");
    expect(missing.report.verdict).toContain("s3-dr has no snapshot of web1/uploads");
    const machine = async () => {
      throw new LifeboatError("host-unreachable", "drill1 does not answer");
    };
    const down = await runShopDrill(shop, drill(""), { ports: { machine } });
    expect(down.report.outcome).toBe("inconclusive");
    expect(down.report.causes).toEqual([{ kind: "inconclusive", where: "preflight", reason: "drill1 does not answer" }]);
    await expectNothingLeft();
  });

  it("survives a journal that is torn: what stands before the tear is swept", async () => {
    const path = join(shop.scratch, "left-behind");
    await writeFile(path, "x");
    const head = { schema: "lifeboat.drill-journal/1", drill: "files", run: "r", expiresAtMs: 0 };
    const thing = { host: null, kind: "tree", path, what: "target dir" };
    await writeFile(join(shop.journals, "torn.jsonl"), `${JSON.stringify(head)}\n${JSON.stringify(thing)}\n{"host":null,"ki`);
    expect(await sweep(0)).toHaveLength(1);
    await expectNothingLeft();
  });
});
