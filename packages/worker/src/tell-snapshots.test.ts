import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SeenSnapshot } from "@lifeboat/catalog";
import { expect, onTestFinished, test } from "vitest";
import { startSshHost } from "../../../test/services/index.ts";
import { withSnapshotsTold } from "./tell-snapshots.ts";
import { createScene } from "./test-scene.ts";

const policy = "    replicate: { to: [dr] }\n    retention: { last: 1 }\n";

function seen(repository: string, id: string): SeenSnapshot {
  return { repository, id, original: id, asset: "web1/pages", run: null, time: "2026-11-22T00:00:00Z", bytes: null, files: null };
}

test("after a forget that failed midway the history knows exactly what is left, also when a kill came before the telling", async () => {
  const { folder, doRun, claim, addSnapshot, known, catalog } = await createScene({ policy, replicas: ["dr"] });
  const [killed, old, last] = [await addSnapshot("main", 50), await addSnapshot("main", 30), await addSnapshot("main", 3)];
  expect((await doRun(await claim("replicate", "web1/pages"))).record.result).toBe("passed");
  const copies = (await catalog.seenSnapshots({ repository: "dr" })).map(({ id }) => id);
  expect(copies).toHaveLength(3);
  await catalog.recordSnapshots([killed, old, last].map(({ id }) => seen("main", id)));
  await rm(join(folder, "main", "snapshots", killed.id));

  const config = join(folder, "dr", "config");
  const whole = await readFile(config);
  await writeFile(config, "something else");
  const run = await claim("forget", "web1/pages");
  expect((await doRun(run)).record.result).toBe("failed");
  expect(await known()).toEqual([...copies.map((id) => `dr ${id}`), `main ${last.id}`].sort());

  await writeFile(config, whole);
  await catalog.releaseRun(run.id, 1, { notBeforeMs: 0, cause: "dr was away", code: null });
  const again = await catalog.claimRun(run.id, "test:1", { staleAfterMs: 60_000 });
  expect((await doRun((again as { readonly run: typeof run }).run)).record.result).toBe("passed");
  expect(await known()).toEqual([`dr ${copies[0]}`, `main ${last.id}`]);
});

test("what was removed from outside goes from the history with the next copy, and is no good copy any more", async () => {
  const { folder, doRun, claim, addSnapshot, known, catalog } = await createScene({ policy, replicas: ["dr"] });
  await addSnapshot("main", 30);
  const last = await addSnapshot("main", 3);
  const first = await claim("replicate", "web1/pages", { slotMs: 1_700_000_000_000 });
  await catalog.settleRun(first.id, 1, (await doRun(first)).record);
  const [newest, older] = (await catalog.seenSnapshots({ repository: "dr" })).map(({ id }) => id);
  expect((await catalog.goodCopies()).map(({ snapshot }) => snapshot)).toEqual([newest]);
  await rm(join(folder, "main", "snapshots", last.id));
  await rm(join(folder, "dr", "snapshots", newest!));
  expect((await doRun(await claim("replicate", "web1/pages"))).record.result).toBe("passed");
  expect(await known()).toEqual([`dr ${older}`]);
  expect((await catalog.goodCopies()).map(({ snapshot }) => snapshot)).toEqual([older]);
});

test("a backup tells of its own snapshot, and of what has gone since the one before", async () => {
  const ssh = await startSshHost();
  onTestFinished(() => ssh.stop());
  const { doRun, claim, addSnapshot, known, catalog } = await createScene({ ssh });
  const left = await addSnapshot("main", 3);
  await catalog.recordSnapshots([seen("main", left.id), seen("main", "aa"), seen("dr", "bb")]);
  const { record } = await doRun(await claim("backup", "web1/pages"));
  expect(record).toMatchObject({ result: "passed", repository: "main" });
  expect(await known()).toEqual(["dr bb", `main ${left.id}`, `main ${record.snapshot}`].sort());
}, 60_000);

test("what others record or forget while the work goes on stays as they say", async () => {
  const scene = await createScene({});
  const { catalog, addSnapshot, known } = scene;
  const listed = await addSnapshot("main", 3);
  await catalog.recordSnapshots([seen("main", listed.id), seen("other", "aa")]);
  await withSnapshotsTold(scene.worker, "web1/pages", async () => {
    await catalog.recordSnapshots([seen("main", "bb")]);
    await catalog.forgetSnapshots("main", [listed.id]);
    return { outcome: undefined, seen: new Map([["main", [listed]]]) };
  });
  expect(await known()).toEqual(["main bb", "other aa"]);
});
