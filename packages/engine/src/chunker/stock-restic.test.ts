import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createChacha12Bytes } from "./chacha12-bytes.ts";
import { Chunker, isIrreducible } from "./index.ts";

const path = "/usr/local/bin:/usr/bin:/bin";
const hasRestic = spawnSync("restic", ["version"], { env: { PATH: path } }).status === 0;
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-chunker-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

test.skipIf(!hasRestic)("cuts 64 MiB into the blobs that stock restic stores (needs restic)", { timeout: 120_000 }, async () => {
  const seed = crypto.getRandomValues(new BigUint64Array(1))[0]!;
  const data = createChacha12Bytes(seed, 64 * 1024 * 1024);
  // A hole, as sparse files have it: cuts at the minimum, and random data on both sides.
  data.fill(0, 20_000_000, 23_000_000);
  runRestic(["init", "--repository-version", "2"]);
  const config = JSON.parse(runRestic(["cat", "config"]));
  runRestic(["backup", "--stdin", "--stdin-filename", "data", "--host", "chunker"], data);
  const [snapshot] = JSON.parse(runRestic(["snapshots", "--json"]));
  const [node] = JSON.parse(runRestic(["cat", "blob", snapshot.tree])).nodes;

  expect(isIrreducible(BigInt(`0x${config.chunker_polynomial}`))).toBe(true);
  const chunker = new Chunker(config.chunker_polynomial);
  const ids: string[] = [];
  for (let at = 0; at < data.length; at += 1_000_000) {
    for (const chunk of chunker.push(data.subarray(at, at + 1_000_000))) ids.push(await hashToHex(chunk));
  }
  for (const chunk of chunker.finish()) ids.push(await hashToHex(chunk));
  expect(ids, `seed ${seed}, polynomial ${config.chunker_polynomial}`).toEqual(node.content);
  expect(ids.length).toBeGreaterThan(8);
});

function runRestic(args: readonly string[], input?: Uint8Array): string {
  const env = { PATH: path, HOME: folder, RESTIC_PASSWORD: "test", RESTIC_REPOSITORY: join(folder, "repository") };
  const run = spawnSync("restic", ["--no-cache", ...args], { env, timeout: 100_000, ...(input && { input }) });
  if (run.status !== 0) throw new Error(`restic ${args[0]}: ${run.stderr}`);
  return run.stdout.toString();
}

async function hashToHex(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)).toString("hex");
}
