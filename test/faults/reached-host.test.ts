import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type BackupOutcome, runBackup } from "@lifeboat/jobs";
import { formatRunId } from "@lifeboat/model";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { testPassword } from "../fixtures/pull-tree.ts";
import { createTempFolder, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

let temp: TempFolder;
let ssh: SshHost;
let line: Server | undefined;
const open = new Set<Socket>();

beforeAll(async () => {
  temp = await createTempFolder("reached-host");
  ssh = await startSshHost();
  await mkdir(join(temp.path, "tree"));
  await writeFile(join(temp.path, "tree/file"), "little");
}, 60_000);
afterEach(() => {
  for (const socket of open) socket.destroy();
  line?.close();
});
afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

/** What the host is reached through: it tells whether somebody is still connected. */
async function openLine(answer: (client: Socket) => void): Promise<number> {
  line = createServer((client) => {
    open.add(client);
    client.on("close", () => open.delete(client)).on("error", () => {});
    answer(client);
  });
  await new Promise<void>((resolve) => line?.listen(0, "127.0.0.1", resolve));
  return (line.address() as { port: number }).port;
}

function passOn(client: Socket): void {
  const upstream = connect(ssh.port, ssh.address);
  upstream.on("error", () => client.destroy());
  client.pipe(upstream).pipe(client);
}

async function backUp(name: string, port: number, parts: { readonly password: string; readonly signal?: AbortSignal }) {
  const folder = join(temp.path, name);
  await mkdir(folder);
  const repository = { url: join(folder, "repo"), password: testPassword };
  await initFaultRepository(repository);
  const policies = `  trees:
    hosts: [web1]
    repository: main
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(join(temp.path, "tree"))}] }]
`;
  const { address, user, identityFile } = ssh;
  const knownHostsFile = join(folder, "known_hosts");
  await writeFile(knownHostsFile, (await readFile(ssh.knownHostsFile, "utf8")).replaceAll(`:${ssh.port}`, `:${port}`));
  const configFile = await writeFaultConfig({
    folder,
    repository: { ...repository, password: parts.password },
    ssh: { address, port, user, identityFile, knownHostsFile },
    policies,
  });
  const context = openFaultContext(configFile);
  const asset = "web1/tree";
  const runId = formatRunId({ kind: "backup", object: asset, slot: Date.UTC(2026, 10, 22, 2) });
  const order = { runId, asset, attempt: 1, policy: null, timezone: "UTC", threads: 1 };
  return runBackup({ ...context, ...(parts.signal !== undefined && { signal: parts.signal }) }, order);
}

/** The other end hears of it a moment later. */
async function expectNobodyConnected(): Promise<void> {
  await expect.poll(() => open.size, { timeout: 30_000 }).toBe(0);
}

function codeOf({ record }: BackupOutcome): string | null | undefined {
  return record.code;
}

test("a wrong password is told although the host does not answer, and nobody waits for the host any more", async () => {
  // Its connect_timeout is two minutes: longer than this test may take.
  const port = await openLine(() => {});
  expect(codeOf(await backUp("silent", port, { password: "not this one" }))).toBe("wrong-password");
  await expectNobodyConnected();
}, 60_000);

test("a host that was reached is left when the repository cannot be opened", async () => {
  const port = await openLine(passOn);
  expect(codeOf(await backUp("wrong", port, { password: "not this one" }))).toBe("wrong-password");
  await expectNobodyConnected();
}, 60_000);

test("a host is left after the backup, and said to be missing when it is", async () => {
  const port = await openLine(passOn);
  const { record } = await backUp("right", port, { password: testPassword });
  expect(record).toMatchObject({ result: "passed", host: { system: expect.any(String) } });
  await expectNobodyConnected();
  line?.close();
  expect(codeOf(await backUp("gone", port, { password: testPassword }))).toBe("host-unreachable");
}, 60_000);

test("a run that is cancelled while the host does not answer does not wait for it", async () => {
  // Two minutes, as above.
  const stop = new AbortController();
  const port = await openLine(() => stop.abort(new Error("enough")));
  const { record } = await backUp("cancelled", port, { password: testPassword, signal: stop.signal });
  expect(record.result).toBe("cancelled");
  await expectNobodyConnected();
}, 60_000);
