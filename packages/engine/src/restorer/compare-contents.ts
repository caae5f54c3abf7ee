import type { ExtendedAttribute, FileEntry, RestoreTarget } from "@lifeboat/model";
import { sha256Stream } from "../crypto/index.ts";
import type { Repository } from "../repository/repository.ts";
import { plainBytesOf, zeroBlobBytes, zeroBlobId } from "./file-parts.ts";
import type { RestoreNode } from "./restore-item.ts";

export interface FileToCompare {
  readonly entry: FileEntry;
  readonly node: RestoreNode;
}

export interface CompareOptions {
  readonly repository: Repository;
  readonly read: RestoreTarget["read"];
  /** The reader's account sees all attributes; else only those of every user are compared. */
  readonly root: boolean;
  readonly signal: AbortSignal;
}

const batchFiles = 2000;

/**
 * Reads files where they stand and compares them with the snapshot: each piece by the hash that is its blob's id, so that nothing is
 * read from the repository. Yields the place of every file in the list, once, with what differs; undefined when nothing does.
 */
export async function* compareContents(
  options: CompareOptions,
  files: readonly FileToCompare[],
): AsyncGenerator<readonly [number, "content" | "attributes" | undefined]> {
  for (let at = 0; at < files.length; at += batchFiles) {
    const batch = files.slice(at, at + batchFiles);
    const results: ("content" | "attributes" | undefined)[] = batch.map(() => "content");
    let hashing: ContentHash | undefined;
    const entries = batch.map(({ entry }) => entry);
    for await (const events of options.read(entries, { signal: options.signal })) {
      for (const event of events) {
        // Where something could not be read, the verdict says it.
        if (event.kind === "doubt") continue;
        const { node } = batch[event.index]!;
        if (event.kind === "start") {
          hashing = new ContentHash(options.repository, node.content ?? []);
          if (!hasSameAttributes(event.extras.xattrs, node.xattrs ?? [], options.root)) results[event.index] = "attributes";
        } else if (event.kind === "data") hashing?.push(event.bytes);
        else if (event.kind === "hole") hashing?.pushZeros(event.length);
        else if (event.kind === "end" && hashing !== undefined) {
          const same = hashing.end();
          if (!same) results[event.index] = "content";
          else if (results[event.index] === "content") results[event.index] = undefined;
        } else if (event.kind === "verdict" && event.verdict !== "same") results[event.index] = "content";
      }
    }
    for (const [number, result] of results.entries()) yield [at + number, result] as const;
  }
}

const zeros = new Uint8Array(1024 * 1024);

/** Hashes a stream in the lengths of a file's blobs. */
class ContentHash {
  readonly #repository: Repository;
  readonly #content: readonly string[];
  #next = 0;
  #left: number;
  #hash = sha256Stream();
  #same = true;

  constructor(repository: Repository, content: readonly string[]) {
    this.#repository = repository;
    this.#content = content;
    this.#left = this.#lengthOfNext();
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#same; ) {
      if (this.#left === 0) {
        // More than the snapshot has.
        this.#same = false;
        return;
      }
      const part = bytes.subarray(at, at + this.#left);
      this.#hash.update(part);
      at += part.length;
      this.#left -= part.length;
      if (this.#left === 0) this.#finishBlob();
    }
  }

  pushZeros(length: number): void {
    let left = length;
    // What is all hole needs no hash.
    while (left >= zeroBlobBytes && this.#left === zeroBlobBytes && this.#content[this.#next] === zeroBlobId) {
      left -= zeroBlobBytes;
      this.#next++;
      this.#left = this.#lengthOfNext();
    }
    for (; left > 0 && this.#same; left -= zeros.length) this.push(zeros.subarray(0, Math.min(left, zeros.length)));
  }

  end(): boolean {
    return this.#same && this.#next === this.#content.length;
  }

  #finishBlob(): void {
    this.#same = this.#hash.digest("hex") === this.#content[this.#next];
    this.#next++;
    this.#hash = sha256Stream();
    this.#left = this.#lengthOfNext();
  }

  /** 0 after the last blob, and for one that no index knows: then nothing can be equal. */
  #lengthOfNext(): number {
    const id = this.#content[this.#next];
    if (id === zeroBlobId) return zeroBlobBytes;
    return id === undefined ? 0 : plainBytesOf(this.#repository, id);
  }
}

function hasSameAttributes(found: readonly ExtendedAttribute[], wanted: readonly ExtendedAttribute[], root: boolean): boolean {
  const visible = ({ name }: ExtendedAttribute) => root || !/^(security|trusted)\./.test(name);
  const [some, others] = [found.filter(visible), wanted.filter(visible)];
  if (some.length !== others.length) return false;
  return others.every(({ name, value }) => some.some((one) => one.name === name && Buffer.from(one.value).equals(value)));
}
