import type { FileEntry, LeftOutReason, ListOptions } from "@lifeboat/model";
import { isBelow } from "./source-paths.ts";

/** Holds back folders that only lead to exceptions from what is left out, until the first of these comes. */
export class WayFolders {
  readonly #leftOut: ListOptions["leftOut"];
  #ways: FileEntry[] = [];

  constructor(leftOut: ListOptions["leftOut"]) {
    this.#leftOut = leftOut;
  }

  /** The entries that now belong to the source, in order. Takes entries depth first. */
  take(entry: FileEntry, verdict: "in" | "way" | LeftOutReason): readonly FileEntry[] {
    for (let way = this.#ways.at(-1); way !== undefined && !isBelow(entry.path, way.path); way = this.#ways.at(-1)) {
      this.#ways.pop();
      this.#leftOut?.(way, "pattern");
    }
    if (verdict === "in") return this.#ways.length === 0 ? [entry] : [...this.#ways.splice(0), entry];
    if (verdict === "way") this.#ways.push(entry);
    else this.#leftOut?.(entry, verdict);
    return [];
  }

  /** Those that led to nothing are left out. */
  end(): void {
    for (const way of this.#ways.splice(0)) this.#leftOut?.(way, "pattern");
  }
}
