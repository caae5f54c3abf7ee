import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@lifeboat/model";
import { expect, it } from "vitest";
import { keepSweeping } from "./sweep-drills.ts";
import type { WorkerOptions } from "./worker-options.ts";

it("leftovers whose time is over go at the start, later ones an hour later, and the end of the worker ends it", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "lb-sweep-"));
  const at = (name: string) => join(stateFolder, name);
  await mkdir(at("drills"));
  for (const [name, expiresAtMs] of [
    ["old", 1000],
    ["young", 3_000_000],
  ] as const) {
    await mkdir(at(name));
    const head = { schema: "lifeboat.drill-journal/1", drill: name, run: name, expiresAtMs };
    const thing = { host: null, kind: "tree", path: at(name), what: "target dir" };
    await writeFile(at(`drills/${name}.jsonl`), `${JSON.stringify(head)}\n${JSON.stringify(thing)}\n`);
  }
  const seen: unknown[] = [];
  const look = () => ["old", "young", "drills/old.jsonl", "drills/young.jsonl"].filter((name) => existsSync(at(name)));
  const stop = new AbortController();
  let now = 2000;
  const clock = {
    now: () => now,
    async sleep(milliseconds: number, signal?: AbortSignal) {
      seen.push([milliseconds, look()]);
      now += milliseconds;
      if (seen.length < 2) return;
      stop.abort();
      signal?.throwIfAborted();
    },
  };
  const jobs = { clock, logger: silentLogger, localEnv: { PATH: process.env.PATH ?? "" } } as unknown as WorkerOptions["jobs"];
  try {
    await keepSweeping({ config: { hosts: new Map() } as unknown as WorkerOptions["config"], jobs, stateFolder }, stop.signal);
    expect(seen).toEqual([
      [3600_000, ["young", "drills/young.jsonl"]],
      [3600_000, []],
    ]);
  } finally {
    await rm(stateFolder, { recursive: true, force: true });
  }
});
