import { expect, test } from "vitest";
import { createScene } from "./test-scene.ts";

const policy = "    replicate: { to: [dead, dr] }\n    retention: { last: 1 }\n";

test("a replica that cannot be reached fails the run, and the one after it gets its copies and its retention all the same", async () => {
  const { doRun, claim, addSnapshot, known } = await createScene({ policy, replicas: ["dr"], dead: ["dead"] });
  for (const hoursAgo of [30, 3]) await addSnapshot("main", hoursAgo);
  const copied = await doRun(await claim("replicate", "web1/pages"));
  expect(copied.record).toMatchObject({ result: "failed", repository: "main" });
  expect(copied.record.cause).toMatch(/^dead: .*\/dev\/null\/nowhere.*\(dr: 2 copied\)$/);
  expect(copied.error).toMatchObject({ code: copied.record.code, retry: expect.any(String) });
  expect(await known()).toEqual([expect.stringContaining("dr "), expect.stringContaining("dr ")]);

  const forgot = await doRun(await claim("forget", "web1/pages"));
  expect(forgot.record.cause).toMatch(/^dead: .*\(main: 1 forgotten; dr: 1 forgotten\)$/);
  expect(await known()).toEqual([expect.stringContaining("dr "), expect.stringContaining("main ")]);
});
