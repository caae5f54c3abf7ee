import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCatalog } from "@lifeboat/catalog";
import { ensureStateFolder, realClock, statePaths } from "@lifeboat/host";
import { expect, onTestFinished, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { startSshHost } from "../../../test/services/index.ts";
import { createPlace, type Place } from "./test-command-line.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** A configuration with three repositories, and the history of a service that has run. */
async function createHouse() {
  const place = createPlace();
  onTestFinished(() => place.remove());
  const host = await startSshHost();
  onTestFinished(() => host.stop());
  const tree = join(host.folder, "www");
  mkdirSync(tree);
  writeFileSync(join(tree, "page"), "what the page says\n");
  place.write("password", "correct horse\n");
  const names = ["main", "second", "usb"];
  const repositories = names.map(
    (name) => `  ${name}: { url: "${place.at(name)}", password: { file: "${place.at("password")}" } }`,
  );
  place.write(
    "lifeboat.yaml",
    `version: 1
control: { state: "${place.at("state")}" }
repositories:
${repositories.join("\n")}
hosts:
  web1: { address: 127.0.0.1, port: ${host.port}, user: ${host.user}, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}" }
policies:
  web:
    hosts: [web1]
    repository: main
    replicate: { to: [second] }
    schedule: { cron: "0 1 * * *" }
    retention: { last: 1 }
    objectives: { rpo: 26h }
    sources: [{ name: pages, type: files, paths: ["${tree}"] }]
`,
  );
  for (const name of names) {
    expect((await place.run(["repo", "init", "--repo", name])).code).toBe(0);
    await cheapenKey(place.at(name), "correct horse");
  }
  const catalog = await openCatalog(statePaths(ensureStateFolder(place.at("state"))).history, { clock: realClock() });
  onTestFinished(() => catalog.close());
  const known = async () => (await catalog.seenSnapshots({})).map(({ repository, id }) => `${repository} ${id}`).sort();
  return { place, catalog, known };
}

async function idsIn(place: Place, repository: string): Promise<string[]> {
  const listed = await place.run(["snapshots", "--repo", repository, "--json"]);
  return (JSON.parse(listed.out) as { readonly id: string }[]).map(({ id }) => `${repository} ${id}`);
}

test("copies and what retention takes, by hand, reach the history of the service", async () => {
  const { place, catalog, known } = await createHouse();
  for (let at = 0; at < 2; at++) expect((await place.run(["backup", "run", "web", "--here"])).code).toBe(0);
  expect((await place.run(["status"])).out).toContain("SECOND SITE LATE");
  expect((await place.run(["replicate", "web"])).code).toBe(0);
  const [main, second] = [await idsIn(place, "main"), await idsIn(place, "second")];
  expect([main.length, second.length]).toEqual([2, 2]);
  expect(await known()).toEqual([...main, ...second].sort());
  expect((await place.run(["status"])).out).not.toContain("SECOND SITE LATE");

  expect((await place.run(["copy", "--repo", "main", "--to-repo", "usb"])).code).toBe(0);
  expect(await known()).toEqual([...main, ...second, ...(await idsIn(place, "usb"))].sort());

  const kinds = ["history", "--here", "--kind", "forget", "--json"];
  expect((await place.run(["retention", "run", "web", "--dry-run"])).code).toBe(0);
  expect((await place.run(kinds)).out).toBe("");
  const { code, err } = await place.run(["retention", "run", "web", "--yes"]);
  expect(code, err).toBe(0);
  expect((await place.run(kinds)).out.match(/"kind":"forget"/g)).toHaveLength(1);
  const left = [...(await idsIn(place, "main")), ...(await idsIn(place, "second"))];
  expect(left).toHaveLength(2);
  expect((await known()).filter((name) => !name.startsWith("usb "))).toEqual(left.sort());
  expect(await catalog.history({ kinds: ["forget", "replicate"] })).toMatchObject([
    { kind: "forget", record: { result: "passed", figures: { snapshots_removed: 2 } } },
    { kind: "replicate", record: { result: "passed" } },
  ]);
});
