import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initRepository, openObjectStore, type Repository } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { silentLogger } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSideRecords } from "./read-side-records.ts";

let folder: string;
let repository: Repository;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lifeboat-side-records-"));
  const clock = realClock();
  const store = await openObjectStore({ url: folder }, { clock });
  const options = { username: "l", hostname: "h", clock, cost: { N: 1024, r: 8, p: 1 } };
  repository = await initRepository({ store }, "correct horse", options);
  for (let at = 0; at < 5; at++) await repository.saveSide("run", { schema: "lifeboat.run/1", at } as { schema: string });
});
afterAll(async () => {
  await repository?.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = (limit?: number) => {
  const signal = new AbortController().signal;
  return readSideRecords(repository, "run", { signal, logger: silentLogger, ...(limit !== undefined && { limit }) });
};

test("all records are read, and where they are more than the limit it is said how many are missing", async () => {
  expect(await read()).toMatchObject({ missing: undefined, values: { length: 5 } });
  expect(await read(5)).toMatchObject({ missing: undefined });
  expect(await read(3)).toMatchObject({ missing: "only 3 of 5 run records were read, by chance", values: { length: 3 } });
});

test("a record that is damaged is missing, and said", async () => {
  const [first] = readdirSync(join(folder, "lifeboat/v1/run"));
  writeFileSync(join(folder, "lifeboat/v1/run", first!), "not what it was");
  expect(await read()).toMatchObject({ missing: "1 run record cannot be read", values: { length: 4 } });
});
