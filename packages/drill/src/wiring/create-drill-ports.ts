import {
  assetOfSnapshot,
  BlobReader,
  findNode,
  lastingId,
  listTree,
  type Repository,
  restoreSnapshot,
  type Snapshot,
  streamFile,
  type TreeEntry,
} from "@lifeboat/engine";
import { hashOfContent, type JobContext, openChosenRepository, openMachine, type RepositoryChoice, Sample } from "@lifeboat/jobs";
import { byteString, type DumpFacts, LifeboatError, type Machine } from "@lifeboat/model";
import { createRestoreTarget, loadPostgresDump, loadSqliteDump, startThrowawayPostgres } from "@lifeboat/remote";
import type { AssetKind, DrillEvent, DrillPorts, SampledFile } from "../ports.ts";
import { getOverHttp } from "./get-over-http.ts";

export interface DrillPortsOptions {
  /** Bare hands: the one repository for all assets. Without it each asset's own, or the drill's `from`. */
  readonly repository?: RepositoryChoice | undefined;
  readonly installId: string;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly progress?: ((event: DrillEvent) => void) | undefined;
}

/** The real world behind a drill: repositories, machines and databases, opened when first needed and closed together. */
export interface OpenedDrillPorts {
  readonly ports: DrillPorts;
  close(): Promise<void>;
}

export function createDrillPorts(context: JobContext, options: DrillPortsOptions): OpenedDrillPorts {
  const world = new DrillWorld(context, options);
  return { ports: world.ports(), close: () => world.close() };
}

interface OpenedSite {
  readonly name: string;
  readonly repository: Repository;
  readonly snapshots: readonly Snapshot[];
}

class DrillWorld {
  readonly #context: JobContext;
  readonly #options: DrillPortsOptions;
  readonly #machines = new Map<string | undefined, Promise<Machine>>();
  readonly #sites = new Map<string, Promise<OpenedSite>>();
  readonly #snapshots = new Map<string, { readonly site: OpenedSite; readonly snapshot: Snapshot }>();
  #lastSite: OpenedSite | undefined;

  constructor(context: JobContext, options: DrillPortsOptions) {
    this.#context = context;
    this.#options = options;
  }

  ports(): DrillPorts {
    const { clock, logger, secrets, config } = this.#context;
    const { installId, random, progress } = this.#options;
    return {
      machine: (host) => this.#machine(host),
      hostPurpose: (host) => config?.hosts.get(host)?.purpose,
      selectSnapshot: (asset, pick, how) => this.#select(asset, pick, how),
      restoreFiles: (order) => this.#restoreFiles(order),
      openDump: (order) => this.#openDump(order),
      sampleFiles: (order) => this.#sampleFiles(order),
      httpGet: getOverHttp,
      resolveSecret: (reference, what) => secrets.resolve(reference, what),
      startThrowawayPostgres,
      loadPostgresDump,
      loadSqliteDump,
      clock,
      random,
      logger,
      installId,
      saveEvidence: (bytes) => this.#saveEvidence(bytes),
      ...(progress !== undefined && { progress }),
    };
  }

  async close(): Promise<void> {
    for (const machine of this.#machines.values()) await machine.then((opened) => opened.close()).catch(() => undefined);
    for (const site of this.#sites.values()) await site.then(({ repository }) => repository.close()).catch(() => undefined);
  }

  #machine(host: string | undefined): Promise<Machine> {
    let machine = this.#machines.get(host);
    if (machine === undefined) {
      machine = openMachine(this.#context, host);
      this.#machines.set(host, machine);
    }
    return machine;
  }

  #site(asset: string, from: string | undefined): Promise<OpenedSite> {
    const { repository } = this.#options;
    const policy = this.#context.config?.policies.get(this.#context.config.assets.get(asset)?.policy ?? "");
    const name = from ?? policy?.repository;
    if (repository === undefined && name === undefined) {
      throw new LifeboatError("asset-unknown", `asset "${asset}" is in no policy, and no repository was given`, {
        hint: "Pass --repo URL --password-file FILE, or a configuration that has the asset.",
      });
    }
    const choice = repository ?? { name: name ?? "" };
    const key = "name" in choice ? choice.name : choice.url;
    let site = this.#sites.get(key);
    if (site === undefined) {
      site = this.#open(key, choice);
      this.#sites.set(key, site);
    }
    return site;
  }

  async #open(name: string, choice: RepositoryChoice): Promise<OpenedSite> {
    // What this machine keeps proves nothing of what the store has.
    const repository = await openChosenRepository({ ...this.#context, cache: undefined }, choice);
    const snapshots = await repository.listSnapshots({ signal: this.#context.signal });
    await repository.loadIndex({ signal: this.#context.signal });
    this.#lastSite = { name: "name" in choice ? name : repository.store.url, repository, snapshots };
    return this.#lastSite;
  }

  async #select(...[asset, { from, pick }, { declaredAtMs, random, signal }]: Parameters<DrillPorts["selectSnapshot"]>) {
    const site = await this.#site(asset, from);
    const own = site.snapshots.filter((one) => assetOfSnapshot(one) === asset && Date.parse(one.time) <= declaredAtMs);
    let candidates = own;
    if (pick.kind === "before") candidates = own.filter((one) => Date.parse(one.time) < Date.parse(pick.time));
    if (pick.kind === "random")
      candidates = own.filter((one) => Date.parse(one.time) >= declaredAtMs - pick.withinSeconds * 1000);
    const snapshot = pick.kind === "random" ? candidates[Math.floor(random() * candidates.length)] : candidates.at(-1);
    if (snapshot === undefined) {
      throw new LifeboatError("snapshot-not-found", `${site.name} has no snapshot of ${asset} that fits (${own.length} in all)`);
    }
    this.#snapshots.set(snapshot.id, { site, snapshot });
    const facts = await this.#factsOf(site.repository, snapshot, signal);
    const kind = this.#kindOf(asset, snapshot, facts);
    return {
      snapshotId: snapshot.id,
      timeMs: Date.parse(snapshot.time),
      repository: site.name,
      kind,
      sizeBytes: snapshot.summary?.total_bytes_processed ?? 0,
      ...(facts !== undefined && { facts }),
    };
  }

  /** As the config says; bare hands: as the facts say, else by the dump's one path. */
  #kindOf(asset: string, snapshot: Snapshot, facts: DumpFacts | undefined): AssetKind {
    const configured = this.#context.config?.assets.get(asset)?.source.type;
    if (configured !== undefined) return configured;
    if (facts?.engine === "postgresql" || facts?.engine === "sqlite") return facts.engine;
    const [path] = snapshot.paths;
    if (snapshot.paths.length === 1 && path?.startsWith(`/${asset}.`)) return path.endsWith(".sql") ? "sqlite" : "postgresql";
    return "files";
  }

  async #factsOf(repository: Repository, snapshot: Snapshot, signal: AbortSignal): Promise<DumpFacts | undefined> {
    const wanted = new Set([lastingId(snapshot), snapshot.id]);
    for (const id of await repository.listSide("facts", { signal })) {
      const facts = (await repository.loadSide("facts", id, { signal })) as Partial<DumpFacts> & {
        snapshot?: string;
        schema?: string;
      };
      if (facts.schema === "lifeboat.facts/1" && facts.snapshot !== undefined && wanted.has(facts.snapshot))
        return facts as DumpFacts;
    }
    return undefined;
  }

  #selected(id: string): { readonly site: OpenedSite; readonly snapshot: Snapshot } {
    const selected = this.#snapshots.get(id);
    if (selected === undefined) throw new Error(`snapshot ${id} was not selected`);
    return selected;
  }

  async #restoreFiles(order: Parameters<DrillPorts["restoreFiles"]>[0]): Promise<{ files: number; bytes: number }> {
    const { site, snapshot } = this.#selected(order.snapshotId);
    const result = await restoreSnapshot({
      repository: site.repository,
      snapshot,
      target: createRestoreTarget(order.machine, byteString(order.folder)),
      include: order.paths,
      signal: order.signal,
      clock: this.#context.clock,
      progress: ({ bytes_done }) => order.progress(bytes_done ?? 0),
    });
    const [first] = result.problems;
    if (first !== undefined) {
      throw new LifeboatError(
        "verification-failed",
        `${result.problemCount} problems at the restore of ${order.asset}, first: ${first.detail}`,
      );
    }
    return { files: result.files, bytes: result.bytes };
  }

  async #openDump({ snapshotId, signal }: Parameters<DrillPorts["openDump"]>[0]): Promise<AsyncIterable<Uint8Array>> {
    const { site, snapshot } = this.#selected(snapshotId);
    const [path] = snapshot.paths;
    if (path === undefined) throw new LifeboatError("path-not-found", `snapshot ${snapshot.id} names no path of its dump`);
    const { node } = await findNode(site.repository, snapshot.tree, byteString(path), { signal });
    return streamFile(site.repository, node, { signal });
  }

  async #sampleFiles(order: Parameters<DrillPorts["sampleFiles"]>[0]): Promise<SampledFile[]> {
    const { site, snapshot } = this.#selected(order.snapshotId);
    const sample = new Sample<TreeEntry>({ share: order.ratio }, Math.floor(order.random() * 2 ** 32), order.maxFiles);
    const roots = order.paths.length === 0 ? [byteString("/")] : order.paths;
    for (const root of roots) {
      for await (const entry of listTree(site.repository, snapshot.tree, root, { recursive: true, signal: order.signal })) {
        if (entry.node.type === "file") sample.offer(entry);
      }
    }
    const reader = new BlobReader(site.repository);
    try {
      const files: SampledFile[] = [];
      for (const { path, node } of sample.items) {
        files.push({ path, size: node.size, sha256: await hashOfContent(reader, node.content ?? [], order.signal) });
      }
      return files;
    } finally {
      await reader.close();
    }
  }

  async #saveEvidence(bytes: Uint8Array): Promise<string> {
    if (this.#lastSite === undefined)
      throw new LifeboatError("drill-target-failed", "no repository was opened that could hold the evidence");
    const report = JSON.parse(Buffer.from(bytes).toString("utf8")) as { readonly schema: string };
    const id = await this.#lastSite.repository.saveSide("evidence", report);
    return `${this.#lastSite.name}: lifeboat/v1/evidence/${id}`;
  }
}
