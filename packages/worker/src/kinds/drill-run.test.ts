import { expect, test } from "vitest";
import { createScene, type Scene } from "../test-scene.ts";

const drills = (folder: string) => `drills:
  home:
    objectives: { rto: 2h }
    targets: { dir: { type: directory, path: "${folder}/drill-{run}" } }
    steps: [{ id: files, restore: { asset: web1/pages, to: dir } }]
    checks: [{ id: hashes, after: files, type: file_hash }]
`;
const createHouse = () => createScene({ more: drills("/tmp") });
const reportOf = async ({ catalog }: Scene, runId: string) => (await catalog.findDrillReport(runId))?.declared;

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
