import type { ByteString, FileEntry } from "@lifeboat/model";

/** A folder that the listing is in, and what was listed directly in it: how many, and a digest of their names in their order. */
interface Level {
  readonly path: ByteString;
  count: number;
  digest: Digest;
}

type Digest = readonly [number, number];

const emptyDigest: Digest = [0x811c9dc5, 0x9747b28c];

/**
 * Where a depth-first listing is, in memory that does not grow with it: enough to find the place again in a second listing of the same
 * tree, and to know for sure that all before it is the same.
 */
export class ListingPlace {
  readonly #levels: Level[] = [{ path: "" as ByteString, count: 0, digest: emptyDigest }];
  /** Folders above the paths: few, and the first that is listed. */
  readonly #above = new Set<ByteString>();

  enter(entry: FileEntry): void {
    if (entry.above === true) {
      this.#above.add(entry.path);
      return;
    }
    let level = this.#levels.at(-1)!;
    while (this.#levels.length > 1 && !isBelow(entry.path, level.path)) {
      this.#levels.pop();
      level = this.#levels.at(-1)!;
    }
    level.count++;
    level.digest = extend(level.digest, entry.path);
    if (entry.type === "dir") this.#levels.push({ path: entry.path, count: 0, digest: emptyDigest });
  }

  /** For a listing that begins anew. */
  replay(): ListingReplay {
    const levels = this.#levels.map((level) => ({ ...level }));
    return new ListingReplay(levels, new Set(this.#above));
  }
}

/** Passes over what an earlier listing had already, in the same order. */
export class ListingReplay {
  readonly #levels: readonly Readonly<Level>[];
  readonly #above: ReadonlySet<ByteString>;
  #depth = 0;
  #count = 0;
  #digest: Digest = emptyDigest;
  /** The last that was passed over in the folder that the replay is in: all below it was listed too. */
  #passed: ByteString | undefined;
  #isDone: boolean;

  constructor(levels: readonly Readonly<Level>[], above: ReadonlySet<ByteString>) {
    this.#levels = levels;
    this.#above = above;
    this.#isDone = levels.length === 1 && levels[0]!.count === 0;
  }

  /** Everything that comes now is new. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The entries that are new; undefined when this listing is not as the one before, so that nobody can tell. */
  fresh(entries: readonly FileEntry[]): readonly FileEntry[] | undefined {
    const wanted = entries.filter((entry) => entry.above !== true || !this.#above.has(entry.path));
    if (this.#isDone) return wanted;
    const fresh: FileEntry[] = [];
    for (const entry of wanted) {
      if (this.#isDone || entry.above === true) fresh.push(entry);
      else if (!this.#pass(entry)) return undefined;
    }
    return fresh;
  }

  /** False when it is not where it was. */
  #pass(entry: FileEntry): boolean {
    if (this.#passed !== undefined && isBelow(entry.path, this.#passed)) return true;
    const level = this.#levels[this.#depth]!;
    if (this.#depth > 0 && !isBelow(entry.path, level.path)) return false;
    this.#count++;
    this.#digest = extend(this.#digest, entry.path);
    this.#passed = entry.path;
    if (this.#count < level.count) return true;
    if (this.#digest[0] !== level.digest[0] || this.#digest[1] !== level.digest[1]) return false;
    const next = this.#levels[this.#depth + 1];
    if (next === undefined) {
      this.#isDone = true;
      return true;
    }
    if (entry.path !== next.path || entry.type !== "dir") return false;
    this.#depth++;
    this.#count = 0;
    this.#digest = emptyDigest;
    this.#passed = undefined;
    this.#isDone = next.count === 0 && this.#depth === this.#levels.length - 1;
    return true;
  }
}

function isBelow(path: ByteString, folder: ByteString): boolean {
  if (folder === "/") return path.length > 1;
  return path.length > folder.length && path.charCodeAt(folder.length) === 47 && path.startsWith(folder);
}

/** Two independent 32-bit hashes. A host that makes names which collide can only hide its own files, which it can anyway. */
function extend(digest: Digest, path: ByteString): Digest {
  let [first, second] = digest;
  for (let at = 0; at < path.length; at++) {
    const byte = path.charCodeAt(at);
    first = Math.imul(first ^ byte, 0x01000193);
    second = Math.imul(second ^ byte, 0x5bd1e995);
    second ^= second >>> 15;
  }
  // No byte of a path: where one name ends and the next begins counts too.
  return [Math.imul(first ^ 0x100, 0x01000193), Math.imul(second ^ 0x100, 0x5bd1e995)];
}
