import { LifeboatError } from "@lifeboat/model";
import { idOfName, isId, type ObjectKind, objectName, objectPrefix } from "../format/index.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";

/** restic's words for what can be looked at by hand. */
export const shownKinds = ["config", "snapshot", "index", "key", "lock", "pack", "blob", "tree"] as const;
export type ShownKind = (typeof shownKinds)[number];
export const listedKinds = ["snapshots", "index", "keys", "locks", "packs", "blobs"] as const;
export type ListedKind = (typeof listedKinds)[number];

export type ShownObject =
  | { readonly kind: "json"; readonly value: unknown }
  /** Verified plain bytes of a blob, or a pack as it lies in the store. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const kinds: Record<Exclude<ListedKind, "blobs">, ObjectKind> = {
  snapshots: "snapshot",
  index: "index",
  keys: "key",
  locks: "lock",
  packs: "pack",
};

/** Ids of all objects of a kind, as listed; of blobs "data ID" or "tree ID", each once. */
export async function* listObjects(
  repository: Repository,
  kind: ListedKind,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<string> {
  if (kind !== "blobs") {
    for await (const { name } of repository.store.list(objectPrefix(kinds[kind]), options)) {
      const id = idOfName(name);
      if (id !== undefined) yield id;
    }
    return;
  }
  await repository.loadIndex(options);
  const seen = new BlobIndex();
  for (const { id, type } of repository.index.entries()) if (seen.claim(id, type)) yield `${type} ${id}`;
}

/**
 * What an object holds. `id`: the beginning is enough for one that only one has; of a blob or a folder all of it. The key file is shown as it lies
 * there: what it wraps stays wrapped. Errors: `usage` for an id that none or several have, `repository-damaged`.
 */
export async function showObject(
  repository: Repository,
  kind: ShownKind,
  id: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ShownObject> {
  if (kind === "config") {
    const { version, id: own, chunkerPolynomial } = repository.config;
    return { kind: "json", value: { version, id: own, chunker_polynomial: chunkerPolynomial } };
  }
  if (kind === "blob" || kind === "tree") return showBlob(repository, kind, id, options);
  const full = await completeId(repository, kind, id, options);
  if (kind === "pack") return { kind: "bytes", bytes: await repository.store.get(objectName(kind, full), options) };
  if (kind !== "key") return { kind: "json", value: await repository.loadUnpacked(kind, full, options) };
  const file = await repository.store.get(objectName(kind, full), options);
  try {
    return { kind: "json", value: JSON.parse(Buffer.from(file).toString("utf8")) };
  } catch (error) {
    throw repository.damaged(kind, full, error);
  }
}

async function showBlob(
  repository: Repository,
  kind: "blob" | "tree",
  id: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<ShownObject> {
  if (!isId(id)) throw new LifeboatError("usage", `"${id}" is no id of a ${kind}: all 64 digits are needed`);
  await repository.loadIndex(options);
  const type = kind === "tree" || !repository.index.has(id, "data") ? "tree" : "data";
  return { kind: "bytes", bytes: await repository.loadBlob(id, type, options) };
}

async function completeId(
  repository: Repository,
  kind: ObjectKind,
  start: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<string> {
  if (isId(start)) return start;
  const found = /^[0-9a-f]+$/.test(start) ? (await repository.listIds(kind, options)).filter((id) => id.startsWith(start)) : [];
  if (found.length === 1) return found[0]!;
  const what = found.length === 0 ? `no ${kind}` : `${found.length} of kind ${kind}`;
  throw new LifeboatError("usage", `${what} in ${repository.store.url} begins with "${start.slice(0, 100)}"`);
}
