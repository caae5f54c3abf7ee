import { BlobReader, planRestore, type RestoreItem, sha256Hex, sha256Stream, unixMode } from "@lifeboat/engine";
import { type ByteString, displayName, type FileEntry, type Machine } from "@lifeboat/model";
import { createFileSource } from "@lifeboat/remote";
import type { JobContext } from "./job-context.ts";
import type { RestoreOrder } from "./restore.ts";

export interface VerifyReport {
  /** Things compared with the snapshot. */
  readonly compared: number;
  /** Files whose content was read back and hashed. */
  readonly filesRead: number;
  /** First hundred; `differenceCount` has all. */
  readonly differences: readonly { readonly path: string; readonly detail: string }[];
  readonly differenceCount: number;
  /** Owners could not be set because the target's user is not root: how many differ for that reason. */
  readonly ownersNotSet: number;
}

interface VerifyOptions {
  readonly context: JobContext;
  readonly machine: Machine;
  readonly sudo: boolean;
  readonly order: RestoreOrder;
  readonly isRoot: boolean;
  /** Files whose data the repository has lost: the restore has said so, and nothing is there to compare them with. */
  readonly lost: ReadonlySet<ByteString>;
}

const maxDifferencesKept = 100;

/** Lists what was restored, with one `find`, and compares it with the snapshot; reads the content back where asked. */
export async function verifyRestored(options: VerifyOptions): Promise<VerifyReport> {
  return new Verification(options).run();
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #differences: { path: string; detail: string }[] = [];
  #differenceCount = 0;
  #ownersNotSet = 0;
  #filesRead = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  async run(): Promise<VerifyReport> {
    const { context, machine, sudo, order } = this.#options;
    const { signal } = context;
    const { repository, snapshot, include, folder } = order;
    const plan = await planRestore({ repository, tree: snapshot.tree, include, signal });
    const expected = new Map<ByteString, RestoreItem>();
    for (const item of [...plan.folders, ...plan.files, ...plan.others]) {
      if (!this.#options.lost.has(item.path)) expected.set(item.path, item);
    }
    const compared = expected.size;
    const source = createFileSource(machine, { name: displayName(folder), paths: [folder], sudo });
    const prefix = folder === "/" ? "/" : `${folder}/`;
    const files: { entry: FileEntry; item: RestoreItem }[] = [];
    for await (const entries of source.list({ signal, problem: ({ path, detail }) => this.#differ(path, detail) })) {
      for (const entry of entries) {
        const path = entry.path.slice(prefix.length) as ByteString;
        const item = entry.above === true ? undefined : expected.get(path);
        if (item === undefined) continue;
        expected.delete(path);
        this.#compare(entry, item);
        if (item.node.type === "file" && item.hardLinkTo === undefined) files.push({ entry, item });
      }
    }
    for (const path of expected.keys()) this.#differ(path, "is missing");
    if (order.verify === "content") await this.#readBack(source, files);
    return {
      compared,
      filesRead: this.#filesRead,
      differences: this.#differences,
      differenceCount: this.#differenceCount,
      ownersNotSet: this.#ownersNotSet,
    };
  }

  #compare(entry: FileEntry, { path, node }: RestoreItem): void {
    if (entry.type !== node.type) {
      this.#differ(path, `is a ${entry.type}, wanted a ${node.type}`);
      return;
    }
    if (node.type === "file" && entry.size !== node.size) this.#differ(path, `has ${entry.size} bytes, wanted ${node.size}`);
    if (node.type === "symlink" && entry.linkTarget !== node.linkTarget) this.#differ(path, "points elsewhere");
    if (node.type !== "symlink" && entry.mode !== unixMode(node.mode)) {
      this.#differ(path, `has mode ${entry.mode.toString(8)}, wanted ${unixMode(node.mode).toString(8)}`);
    }
    if (entry.mtime !== node.mtime) this.#differ(path, `was modified at ${entry.mtime}, wanted ${node.mtime}`);
    if (entry.uid === node.uid && entry.gid === node.gid) return;
    if (this.#options.isRoot) this.#differ(path, `belongs to ${entry.uid}:${entry.gid}, wanted ${node.uid}:${node.gid}`);
    else this.#ownersNotSet++;
  }

  /** Hashes what stands there and what the repository holds, in batches, without keeping either. */
  async #readBack(
    source: ReturnType<typeof createFileSource>,
    files: readonly { entry: FileEntry; item: RestoreItem }[],
  ): Promise<void> {
    const { context, order } = this.#options;
    const reader = new BlobReader(order.repository);
    try {
      for (let at = 0; at < files.length; at += 2000) {
        const batch = files.slice(at, at + 2000);
        const found = await hashFiles(
          source,
          batch.map(({ entry }) => entry),
          context.signal,
        );
        for (const [number, { item }] of batch.entries()) {
          const wanted = await hashOfContent(reader, item.node.content ?? [], context.signal);
          this.#filesRead++;
          if (found[number] !== wanted) this.#differ(item.path, "has other content than the snapshot");
        }
      }
    } finally {
      await reader.close();
    }
  }

  #differ(path: ByteString, detail: string): void {
    this.#differenceCount++;
    if (this.#differences.length < maxDifferencesKept) this.#differences.push({ path: displayName(path), detail });
  }
}

const emptyHash = sha256Hex(new Uint8Array(0));

async function hashFiles(
  source: ReturnType<typeof createFileSource>,
  entries: readonly FileEntry[],
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  const hashes: (string | undefined)[] = entries.map(() => undefined);
  let hash = sha256Stream();
  for await (const events of source.read(entries, { signal })) {
    for (const event of events) {
      if (event.kind === "start") hash = sha256Stream();
      else if (event.kind === "data") hash.update(event.bytes);
      else if (event.kind === "hole")
        for (let left = event.length; left > 0; left -= zeros.length)
          hash.update(zeros.subarray(0, Math.min(left, zeros.length)));
      else if (event.kind === "end") hashes[event.index] = hash.digest("hex");
    }
  }
  return hashes;
}

const zeros = new Uint8Array(1024 * 1024);

/** SHA-256 over the repository's verified blobs. */
export async function hashOfContent(reader: BlobReader, content: readonly string[], signal: AbortSignal): Promise<string> {
  if (content.length === 0) return emptyHash;
  const hash = sha256Stream();
  for (let at = 0; at < content.length; at += 32) {
    const ids = content.slice(at, at + 32);
    const blobs = await reader.load(ids, signal);
    for (const id of ids) {
      const blob = blobs.get(id);
      if (!(blob instanceof Uint8Array)) throw blob ?? new Error(`blob ${id} was not loaded`);
      hash.update(blob);
    }
  }
  return hash.digest("hex");
}
