import type { ByteString, FileEntry, LeftOutReason, ListOptions } from "@lifeboat/model";
import type { PathRules, Standing } from "./path-rules.ts";
import { isBelow, parentOf } from "./source-paths.ts";
import type { TaggedFolders } from "./tagged-folders.ts";
import { WayFolders } from "./way-folders.ts";

interface OpenFolder {
  readonly path: ByteString;
  readonly standing: Standing;
}

export interface SelectionFilterOptions {
  readonly rules: PathRules;
  readonly tagged: TaggedFolders;
  readonly leftOut: ListOptions["leftOut"];
}

/**
 * What of a listing belongs to the source, where find alone cannot tell: exceptions within folders that are left out, and folders
 * with tags. Takes entries in the order of a `FileSource` and keeps it; a folder that only leads to an exception comes right
 * before the first one.
 */
export class SelectionFilter {
  readonly #options: SelectionFilterOptions;
  #open: OpenFolder[] = [];
  readonly #kept: WayFolders;
  /** All that lies below is left out and was said so. */
  #skipped: ByteString | undefined;

  constructor(options: SelectionFilterOptions) {
    this.#options = options;
    this.#kept = new WayFolders(options.leftOut);
  }

  push(entries: readonly FileEntry[]): FileEntry[] {
    const kept: FileEntry[] = [];
    for (const entry of entries) {
      if (this.#skipped !== undefined && isBelow(entry.path, this.#skipped)) continue;
      kept.push(...this.#kept.take(entry, this.#judge(entry)));
    }
    return kept;
  }

  end(): void {
    this.#kept.end();
  }

  #judge({ path, type }: FileEntry): "in" | "way" | LeftOutReason {
    this.#skipped = undefined;
    const parent = parentOf(path);
    while (this.#open.length > 0 && this.#open.at(-1)?.path !== parent) this.#open.pop();
    const { rules, tagged } = this.#options;
    const folder = this.#open.at(-1);
    const isFolder = type === "dir";
    const standing = rules.standing(path, isFolder, folder?.standing ?? "in");
    const isBesideTag = folder !== undefined && tagged.get(folder.path)?.has(path) === false;
    const verdict = standing === "out" ? "pattern" : isBesideTag ? "tag" : standing;
    if (isFolder && (verdict === "in" || verdict === "way")) this.#open.push({ path, standing: verdict });
    else if (isFolder) this.#skipped = path;
    return verdict;
  }
}
