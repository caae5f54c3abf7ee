import type { ByteString, FileEntry } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";
import { parentOf } from "./source-paths.ts";

/**
 * Holds a host to the order that the snapshot's tree is built from: roots, and entries right below a folder that is still
 * open. A host that answers otherwise could place files where the source has none.
 */
export class TreeOrder {
  readonly #roots: Set<ByteString>;
  readonly #place: string;
  #open: ByteString[] = [];

  constructor(roots: readonly ByteString[], place: string) {
    this.#roots = new Set(roots);
    this.#place = place;
  }

  check(entry: FileEntry): void {
    const { path } = entry;
    if (this.#roots.delete(path)) {
      this.#open = [];
    } else {
      const parent = parentOf(path);
      let top = this.#open.at(-1);
      while (top !== undefined && top !== parent) {
        this.#open.pop();
        top = this.#open.at(-1);
      }
      const slash = path.lastIndexOf("/") + 1;
      const nameLength = path.length - slash;
      const dots = nameLength <= 2 && /^\.*$/.test(path.slice(slash));
      if (top === undefined || nameLength > 255 || dots) {
        throw new LifeboatError("host-garbage", `the listing of ${this.#place} has ${displayName(path)} where it cannot stand`);
      }
    }
    if (entry.type === "dir") this.#open.push(path);
  }
}
