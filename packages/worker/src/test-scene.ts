import { join } from "node:path";
import { type Catalog, openCatalog, type RunRow } from "@lifeboat/catalog";
import { BlobWriter, type Snapshot } from "@lifeboat/engine";
import { ensureStateFolder, statePaths } from "@lifeboat/host";
import { assetTag, createRunRecord, type JobContext, openChosenRepository, runTag } from "@lifeboat/jobs";
import { type Clock, formatRunId, type RunKind } from "@lifeboat/model";
import { onTestFinished } from "vitest";
import { openFaultContext } from "../../../test/faults/open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "../../../test/faults/write-fault-config.ts";
import { createTempFolder, type SshHost } from "../../../test/services/index.ts";
import { runKindHandlers } from "./kinds/run-kinds.ts";
import type { WorkOutcome } from "./run-work.ts";
import type { WorkerOptions } from "./worker-options.ts";

export const hourMs = 3_600_000;
const wholeSecond = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000;
/** No host is asked in these tests. */
const nobody = { address: "127.0.0.1", port: 1, user: "nobody", identityFile: "/none", knownHostsFile: "/none" };

export interface Scene {
  readonly folder: string;
  readonly context: JobContext;
  readonly catalog: Catalog;
  readonly worker: WorkerOptions;
  /** A pending run, claimed. */
  claim(kind: RunKind, object: string, more?: { readonly slotMs?: number; readonly policy?: string | null }): Promise<RunRow>;
  /** What the worker does with a claimed run, without settling it. */
  doRun(run: RunRow, signal?: AbortSignal): Promise<WorkOutcome>;
  /** A snapshot of web1/pages in the repository; its backup stands in the history as passed. */
  addSnapshot(repository: string, hoursAgo: number): Promise<Snapshot>;
  /** "REPOSITORY ID" of what the history knows, sorted. */
  known(): Promise<string[]>;
}

/** A worker's house without its queue: real history, repositories in folders, a policy "web" with the asset web1/pages. */
export async function createScene(parts: {
  /** Further keys of the policy. */
  readonly policy?: string;
  /** Repositories besides "main" that exist. */
  readonly replicas?: readonly string[];
  /** Repositories that are named and cannot be opened: something else stands in their place. */
  readonly dead?: readonly string[];
  readonly more?: string;
  readonly clock?: Clock;
  /** A real host, for backups; its folder is what web1/pages holds. */
  readonly ssh?: SshHost;
}): Promise<Scene> {
  const temp = await createTempFolder("worker");
  onTestFinished(() => temp.remove());
  const { replicas = [], dead = [] } = parts;
  const place = (name: string) => ({ url: join(temp.path, name), password: `of ${name}` });
  for (const name of ["main", ...replicas]) await initFaultRepository(place(name));
  const policies = `  web:
    hosts: [web1]
    repository: main
    sources: [{ name: pages, type: files, paths: [${JSON.stringify(parts.ssh?.folder ?? "/srv/pages")}] }]
${parts.policy ?? ""}`;
  const configFile = await writeFaultConfig({
    folder: temp.path,
    repository: place("main"),
    others: Object.fromEntries([
      ...replicas.map((name) => [name, place(name)] as const),
      ...dead.map((name) => [name, { url: "/dev/null/nowhere", password: "none" }] as const),
    ]),
    ssh: parts.ssh ?? nobody,
    policies,
    ...(parts.more !== undefined && { more: parts.more }),
  });
  const opened = openFaultContext(configFile);
  const context = parts.clock === undefined ? opened : { ...opened, clock: parts.clock };
  const state = ensureStateFolder(join(temp.path, "state"));
  const catalog = await openCatalog(statePaths(state).history, { clock: context.clock });
  onTestFinished(() => catalog.close());
  const { signal: _, progress: __, config, ...jobs } = context;
  const worker: WorkerOptions = {
    config: config!,
    catalog,
    redisUrl: "",
    instance: "test:1",
    jobs,
    stateFolder: state,
    installId: "test",
    random: Math.random,
  };
  const orderOf = (run: RunRow) => ({ runId: run.id, attempt: run.attempt, policy: run.policy, timezone: "UTC" });
  return {
    folder: temp.path,
    context,
    catalog,
    worker,
    async claim(kind, object, { slotMs = wholeSecond(context.clock.now()), policy = "web" } = {}) {
      const id = formatRunId({ kind, object, slot: slotMs });
      await catalog.recordPending({ id, kind, object, policy, slot: new Date(slotMs).toISOString() });
      const claim = await catalog.claimRun(id, "test:1", { staleAfterMs: 60_000 });
      if (!claim.claimed) throw new Error(`${id} is ${claim.because}`);
      return claim.run;
    },
    doRun: (run, signal = new AbortController().signal) =>
      runKindHandlers[run.kind]({ run, context: { ...context, signal }, order: orderOf(run), worker }),
    async addSnapshot(name, hoursAgo) {
      const at = wholeSecond(context.clock.now() - hoursAgo * hourMs);
      const runId = formatRunId({ kind: "backup", object: "web1/pages", slot: at });
      const repository = await openChosenRepository(context, { name });
      const writer = new BlobWriter(repository);
      try {
        await repository.loadIndex();
        const tree = writer.saveTree(Buffer.from('{"nodes":[]}\n'));
        await writer.finish();
        const time = new Date(at).toISOString();
        const tags = [assetTag("web1/pages"), runTag(runId)];
        const fields = { time, tree, paths: ["/srv/pages"], hostname: "web1", username: "test", tags };
        const snapshot = await repository.saveSnapshot(fields);
        const order = { runId, attempt: 1, policy: "web", timezone: "UTC" };
        await catalog.recordSettled(createRunRecord(order, at, context.clock, { result: "passed", repository: name }));
        return snapshot;
      } finally {
        await writer.close();
        await repository.close();
      }
    },
    known: async () => (await catalog.seenSnapshots({})).map(({ repository, id }) => `${repository} ${id}`).sort(),
  };
}
