import { createRunRecord, openChosenRepository } from "@lifeboat/jobs";
import { silentLogger } from "@lifeboat/model";
import { expect, onTestFinished, test } from "vitest";
import { openFaultContext } from "../../../../test/faults/open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "../../../../test/faults/write-fault-config.ts";
import { createTempFolder } from "../../../../test/services/index.ts";
import type { Session } from "../session/session.ts";
import { readRepositoryHistory } from "./read-run-records.ts";

test("of a run that was tried more than once the last attempt says how it ended, as does the last report of a drill", async () => {
  const temp = await createTempFolder("records");
  onTestFinished(() => temp.remove());
  const repository = { url: `${temp.path}/repo`, password: "of the records" };
  await initFaultRepository(repository);
  const ssh = { address: "127.0.0.1", port: 1, user: "nobody", identityFile: "/none", knownHostsFile: "/none" };
  const source = "{ name: pages, type: files, paths: [/srv/pages] }";
  const policies = `  web: { hosts: [web1], repository: main, sources: [${source}] }\n`;
  const context = openFaultContext(await writeFaultConfig({ folder: temp.path, repository, ssh, policies }));
  const opened = await openChosenRepository(context, { name: "main" });
  const order = { policy: "web", timezone: "UTC" };
  // By chance the right one comes last; not eight times.
  const days = Array.from({ length: 8 }, (_, day) => `2026112${day}T020000Z`);
  for (const day of days) {
    for (const [attempt, result] of [
      [1, "failed"],
      [2, "passed"],
    ] as const) {
      const runId = `backup/web1/pages@${day}`;
      await opened.saveSide("run", createRunRecord({ ...order, runId, attempt }, 0, context.clock, { result }));
      const ended_at = `2026-11-22T0${attempt}:00:00.000Z`;
      const report = {
        schema: "lifeboat.drill/1",
        run: `drill/home@${day}`,
        drill: "home",
        outcome: result,
        assets: [],
        ended_at,
      };
      await opened.saveSide("evidence", report);
    }
  }
  await opened.close();
  const session = { signal: context.signal, logger: silentLogger, output: { note: () => {} } } as unknown as Session;
  const { runs, drills } = await readRepositoryHistory(session, context, context.config!);
  expect(runs.map(({ attempt, result }) => `${attempt} ${result}`)).toEqual(days.map(() => "2 passed"));
  expect(drills.map(({ outcome }) => outcome)).toEqual(days.map(() => "passed"));
});
