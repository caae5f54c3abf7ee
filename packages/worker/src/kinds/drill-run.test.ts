import { expect, test } from "vitest";
import { createScene, hourMs, type Scene } from "../test-scene.ts";

const drills = (folder: string) => `drills:
  home:
    objectives: { rto: 2h }
    targets: { dir: { type: directory, path: "${folder}/drill-{run}" } }
    steps: [{ id: files, restore: { asset: web1/pages, to: dir } }]
    checks: [{ id: hashes, after: files, type: file_hash }]
`;
const createHouse = () => createScene({ more: drills("/tmp") });
const reportOf = async ({ catalog }: Scene, runId: string) => (await catalog.findDrillReport(runId))?.declared;
const wholeSecond = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000;

test("a drill that is stopped with its worker leaves no report: the next attempt makes it", async () => {
  const scene = await createHouse();
  const run = await scene.claim("drill", "home", { policy: null });
  const { record, error } = await scene.doRun(run, AbortSignal.abort(new Error("the worker is being stopped")));
  expect([record.result, error]).toEqual(["cancelled", undefined]);
  expect(await reportOf(scene, run.id)).toBeUndefined();
  await scene.catalog.releaseRun(run.id, 1, { notBeforeMs: 0, cause: "stopped", code: null });
  const again = await scene.catalog.claimRun(run.id, "test:1", { staleAfterMs: 60_000 });
  await scene.doRun((again as { readonly run: typeof run }).run);
  expect(await reportOf(scene, run.id)).toBeDefined();
});

test("a drill on time is declared at its slot; the time that the service was down before is none of the recovery's", async () => {
  const scene = await createHouse();
  await scene.addSnapshot("main", 12);
  const nowMs = scene.context.clock.now();
  for (const [slotMs, isLate] of [
    [wholeSecond(nowMs - 20_000), false],
    [wholeSecond(nowMs - 6 * hourMs), true],
  ] as const) {
    const run = await scene.claim("drill", "home", { policy: null, slotMs });
    const { record } = await scene.doRun(run);
    await scene.catalog.settleRun(run.id, 1, record);
    expect(await reportOf(scene, run.id)).toBe(new Date(isLate ? run.startedMs! : slotMs).toISOString());
  }
});

test("an attempt after one that was stopped declares anew", async () => {
  const scene = await createHouse();
  const slotMs = wholeSecond(scene.context.clock.now());
  const { id } = await scene.claim("drill", "home", { policy: null, slotMs });
  await scene.catalog.releaseRun(id, 1, { notBeforeMs: 0, cause: "stopped", code: null });
  const claim = await scene.catalog.claimRun(id, "test:1", { staleAfterMs: 60_000 });
  const { run } = claim as { readonly run: Awaited<ReturnType<Scene["claim"]>> };
  await scene.doRun(run);
  expect(await reportOf(scene, id)).toBe(new Date(run.startedMs!).toISOString());
});
