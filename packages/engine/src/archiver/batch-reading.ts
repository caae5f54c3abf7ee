import type { TreeNode } from "../format/index.ts";
import { type ArchiveItem, nodeOfItem } from "./archive-item.ts";
import type { Folder } from "./folder-tree.ts";

/**
 * What the host says about a read error comes on another channel than the bytes and may come a little later. What lies so far behind
 * what has come was followed by any complaint about it: a pipe holds 64 KiB, and sshd empties both pipes in one round.
 */
const marginBytes = 2 * 1024 * 1024;

/** A header at least, and what fills the last block: of very small files this is most of what comes. */
const tarBlockBytes = 512;

interface Progress {
  /** Bytes that came for it, without holes. */
  received: number;
  hasHoles: boolean;
  /** Of the whole stream, when its last byte had come. */
  endedAt: number | undefined;
}

/** How far the content of one batch has come, before the verdicts: what a checkpoint may name of it. */
export class BatchReading {
  readonly #items = new Map<ArchiveItem, Progress>();
  /** Bytes of the stream, at least so many. */
  #received = 0;
  #hasDoubt = false;

  start(item: ArchiveItem): void {
    this.#received += tarBlockBytes;
    if (item.entry.type === "file") this.#items.set(item, { received: 0, hasHoles: false, endedAt: undefined });
  }

  receive(item: ArchiveItem, bytes: number): void {
    this.#received += bytes;
    const progress = this.#items.get(item);
    if (progress !== undefined) progress.received += bytes;
  }

  hole(item: ArchiveItem): void {
    const progress = this.#items.get(item);
    if (progress !== undefined) progress.hasHoles = true;
  }

  end(item: ArchiveItem): void {
    const progress = this.#items.get(item);
    if (progress === undefined) return;
    this.#received += (tarBlockBytes - (progress.received % tarBlockBytes)) % tarBlockBytes;
    progress.endedAt = this.#received;
  }

  /** After a read error tar sends zeros, and only the verdict says for which file. */
  doubt(): void {
    this.#hasDoubt = true;
  }

  /** Takes over what `kept` gave of another reading as whole: only its verdict is missing. */
  hold(item: ArchiveItem): void {
    this.#items.set(item, { received: 0, hasHoles: false, endedAt: -marginBytes });
  }

  /** Bytes that came for it in this reading. */
  receivedOf(item: ArchiveItem): number {
    return this.#items.get(item)?.received ?? 0;
  }

  /** What need not be read again when the connection broke: by the same rules as what a checkpoint may name. */
  kept(
    item: ArchiveItem,
  ): { readonly isWhole: boolean; readonly content: readonly string[]; readonly bytes: number } | undefined {
    const progress = this.#items.get(item);
    const stored = progress && this.#storedPart(item, progress);
    return stored && { ...stored, isWhole: stored.content === item.content };
  }

  /** What becomes of it is known, or it is given up. */
  settle(item: ArchiveItem): void {
    item.stream = undefined;
    this.#items.delete(item);
  }

  /**
   * Nodes of what is stored without a verdict: whole files, and of large ones the beginning, with the entry's times. The next run takes
   * them by the look that a verdict would have taken, only later: times and inode must be those of this listing. Gives the bytes
   * that came and will stand in a later one.
   */
  collect(nodes: Map<Folder, TreeNode[]>): number {
    let missing = 0;
    for (const [item, progress] of this.#items) {
      const stored = this.#storedPart(item, progress);
      // Of what is doubtful or has holes no checkpoint will have more: nobody must wait for that.
      if (!this.#hasDoubt && !progress.hasHoles)
        missing += Math.max(0, progress.received - Math.max(0, (stored?.bytes ?? 0) - item.resumedBytes));
      if (stored === undefined) continue;
      for (const named of [item, ...item.links]) {
        const node = nodeOfItem(named, item.extras, stored);
        const others = nodes.get(named.folder);
        if (others === undefined) nodes.set(named.folder, [node]);
        else others.push(node);
      }
    }
    return missing;
  }

  #storedPart(item: ArchiveItem, progress: Progress): { content: readonly string[]; bytes: number } | undefined {
    if (this.#hasDoubt) return undefined;
    const unsafe = Math.max(0, marginBytes - (progress.endedAt === undefined ? 0 : this.#received - progress.endedAt));
    if (item.content !== undefined && progress.endedAt !== undefined && unsafe === 0) {
      return { content: item.content, bytes: item.bytes };
    }
    // Bytes of a file with holes do not come in the measure in which it grows; and its rest would come with the holes filled.
    if (item.stream === undefined || progress.hasHoles) return undefined;
    const prefix = item.stream.prefix(Math.max(item.resumedBytes, item.bytes - unsafe));
    return prefix.content.length === 0 ? undefined : prefix;
  }
}
