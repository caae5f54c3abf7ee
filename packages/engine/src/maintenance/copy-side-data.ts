import { sha256Hex } from "../crypto/index.ts";
import type { SideKind } from "../format/index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { isDamage } from "./walk-trees.ts";

/** A checkpoint is of use only where its run goes on. */
export const replicatedSideKinds: readonly SideKind[] = ["run", "facts", "config", "evidence"];

/**
 * Remembers what a side object's content hashes to: "repository id/kind/object id" -> SHA-256 of its plain JSON. The objects never
 * change, so a caller that keeps it between calls spares reading them again. Losing it costs only that.
 */
export type SideFingerprints = Map<string, string>;

export interface CopySideOptions {
  readonly signal?: AbortSignal | undefined;
  readonly fingerprints?: SideFingerprints | undefined;
  /** Default: all are. `value` is what stands in the object, as somebody wrote it. */
  readonly isWanted?: ((kind: SideKind, value: unknown) => boolean) | undefined;
}

export interface CopySideResult {
  readonly copied: number;
  readonly skipped: number;
  /** Objects of the source that cannot be read: "kind/id". */
  readonly damaged: readonly string[];
}

/**
 * Copies side data, sealed anew. The name is the hash of the sealed bytes and so another one in each repository: what the plain
 * JSON hashes to tells whether the destination has an object already. A kill leaves some copied; the next call copies the rest.
 */
export async function copySideData(
  source: Repository,
  destination: Repository,
  kinds: readonly SideKind[] = replicatedSideKinds,
  options: CopySideOptions = {},
): Promise<CopySideResult> {
  const { signal, fingerprints = new Map<string, string>() } = options;
  const damaged: string[] = [];
  let copied = 0;
  let skipped = 0;
  for (const kind of kinds) {
    const ids = await source.listSide(kind, { signal });
    if (ids.length === 0) continue;
    const there = new Set<string>();
    await forEachLimited(await destination.listSide(kind, { signal }), destination.store.connections * 2, async (id) => {
      const key = keyOf(destination, kind, id);
      // What cannot be read there does not count as copied.
      const hash = fingerprints.get(key) ?? (await readSide(destination, kind, id, signal))?.hash;
      if (hash === undefined) return;
      fingerprints.set(key, hash);
      there.add(hash);
    });
    await forEachLimited(ids, Math.min(source.store.connections, destination.store.connections), async (id) => {
      const key = keyOf(source, kind, id);
      const known = fingerprints.get(key);
      if (known !== undefined && there.has(known)) {
        skipped++;
        return;
      }
      const side = await readSide(source, kind, id, signal);
      if (side === undefined) {
        damaged.push(`${kind}/${id}`);
        return;
      }
      fingerprints.set(key, side.hash);
      if (options.isWanted?.(kind, side.value) === false) return;
      if (there.has(side.hash)) {
        skipped++;
        return;
      }
      there.add(side.hash);
      const saved = await destination.saveSide(kind, side.value as { readonly schema: string });
      fingerprints.set(keyOf(destination, kind, saved), side.hash);
      copied++;
    });
  }
  return { copied, skipped, damaged };
}

function keyOf(repository: Repository, kind: SideKind, id: string): string {
  return `${repository.config.id}/${kind}/${id}`;
}

/** undefined for a damaged one: side data is never needed for a restore, so it must not stop a replication. */
async function readSide(
  repository: Repository,
  kind: SideKind,
  id: string,
  signal: AbortSignal | undefined,
): Promise<{ value: unknown; hash: string } | undefined> {
  try {
    const value = await repository.loadSide(kind, id, { signal });
    return { value, hash: sha256Hex(Buffer.from(JSON.stringify(value), "utf8")) };
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}
