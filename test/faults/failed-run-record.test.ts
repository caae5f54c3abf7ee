import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runBackup } from "@lifeboat/jobs";
import { formatRunId, type RunRecord } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestRepository, testPassword } from "../fixtures/pull-tree.ts";
import { createTempFolder, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

let temp: TempFolder;
let ssh: SshHost;

beforeAll(async () => {
  temp = await createTempFolder("failed-record");
  ssh = await startSshHost();
}, 60_000);
afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

test("the record of a run that failed has what the host had said of itself before, also where it is stored", async () => {
  const tree = join(temp.path, "tree");
  await mkdir(tree);
  await writeFile(join(tree, "file"), "little");
  const repository = { url: join(temp.path, "repo"), password: testPassword };
  await initFaultRepository(repository);
  const source = (name: string, path: string, more: string) =>
    `{ name: ${name}, type: files, paths: [${JSON.stringify(path)}]${more} }`;
  const policies = `  trees:
    hosts: [web1]
    repository: main
    sources:
      - ${source("small", tree, ", guards: { min_bytes: 1GiB }")}
      - ${source("missing", join(temp.path, "nowhere"), "")}
`;
  const context = openFaultContext(await writeFaultConfig({ folder: temp.path, repository, ssh, policies }));
  const codes = { "web1/small": "guard-broken", "web1/missing": "source-missing" };
  for (const [asset, code] of Object.entries(codes)) {
    const runId = formatRunId({ kind: "backup", object: asset, slot: Date.UTC(2026, 10, 22, 2) });
    const { record } = await runBackup(context, { runId, asset, attempt: 1, policy: null, timezone: "UTC", threads: 1 });
    const facts = { host: { system: expect.any(String), kernel: expect.any(String) } };
    expect(record).toMatchObject({ result: "failed", code, ...facts });
    const opened = await openTestRepository({ url: repository.url });
    const stored = (await Promise.all(
      (await opened.listSide("run")).map((id) => opened.loadSide("run", id)),
    )) as readonly RunRecord[];
    expect(stored.find(({ id }) => id === runId)).toEqual(record);
    await opened.close();
  }
}, 60_000);
