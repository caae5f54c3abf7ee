import {
  type BlobReader,
  compareContents,
  describeDifferences,
  type FileToCompare,
  hasSameOwner,
  type RestoreItem,
  type RestorePlan,
  type RestoreResult,
  sha256Hex,
  sha256Stream,
} from "@lifeboat/engine";
import { type ByteString, displayName, type FileEntry, type RestoreTarget } from "@lifeboat/model";
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
  readonly target: RestoreTarget;
  readonly order: RestoreOrder;
  readonly isRoot: boolean;
  readonly plan: RestorePlan;
  /** Paths that need not be as in the snapshot: what is wrong with them has been said. */
  readonly exempt: RestoreResult["exempt"];
}

const maxDifferencesKept = 100;
const lookBatch = 20_000;

/** What a dry run has seen. */
export const nothingVerified: VerifyReport = {
  compared: 0,
  filesRead: 0,
  differences: [],
  differenceCount: 0,
  ownersNotSet: 0,
};

/** Looks at each thing that was restored and compares it with the snapshot; reads the content back where asked. */
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
    const { context, target, order, plan, exempt } = this.#options;
    const { signal } = context;
    let compared = 0;
    for (const list of [plan.folders, plan.files, plan.others]) {
      for (let at = 0; at < list.length; at += lookBatch) {
        const batch = list.slice(at, at + lookBatch).filter(({ path }) => !exempt.has(path));
        compared += batch.length;
        const entries = await target.look(
          batch.map(({ path }) => path),
          signal,
        );
        const files = batch.flatMap((item, number) => this.#compare(item, entries[number]));
        if (order.verify === "content") await this.#readBack(files);
      }
    }
    return {
      compared,
      filesRead: this.#filesRead,
      differences: this.#differences,
      differenceCount: this.#differenceCount,
      ownersNotSet: this.#ownersNotSet,
    };
  }

  /** The file when its content can be read back, each inode once. */
  #compare(item: RestoreItem, entry: FileEntry | undefined): (FileToCompare & { readonly item: RestoreItem })[] {
    const { path, node } = item;
    if (entry === undefined) {
      this.#differ(path, "is missing");
      return [];
    }
    for (const difference of describeDifferences(entry, node)) this.#differ(path, difference);
    if (!hasSameOwner(entry, node)) {
      if (this.#options.isRoot) this.#differ(path, `belongs to ${entry.uid}:${entry.gid}, wanted ${node.uid}:${node.gid}`);
      else this.#ownersNotSet++;
    }
    return entry.type === "file" && node.type === "file" && item.hardLinkTo === undefined ? [{ entry, node, item }] : [];
  }

  async #readBack(files: readonly (FileToCompare & { readonly item: RestoreItem })[]): Promise<void> {
    const { context, target, order, isRoot } = this.#options;
    const { repository } = order;
    const options = { repository, read: target.read, root: isRoot, signal: context.signal };
    for await (const [number, difference] of compareContents(options, files)) {
      this.#filesRead++;
      if (difference !== undefined) this.#differ(files[number]!.item.path, `has other ${difference} than the snapshot`);
    }
  }

  #differ(path: ByteString, detail: string): void {
    this.#differenceCount++;
    if (this.#differences.length < maxDifferencesKept) this.#differences.push({ path: displayName(path), detail });
  }
}

const emptyHash = sha256Hex(new Uint8Array(0));

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
