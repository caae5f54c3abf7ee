import { LifeboatError } from "@lifeboat/model";
import { isId, objectName } from "../format/index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";

/** What to forget, as decided by the retention rule; `keep` is there so that a mistake is seen before anything is deleted. */
export interface ForgetChoice {
  readonly keep: readonly string[];
  readonly remove: readonly string[];
}

/**
 * Deletes snapshots; their data stays until a prune. The caller holds the exclusive lock. A kill leaves some of them deleted and
 * the rest whole. Returns the ids that were deleted. Errors: `usage` for an id that is to be kept and removed or is none.
 */
export async function forgetSnapshots(
  repository: Repository,
  choice: ForgetChoice,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly string[]> {
  const keep = new Set(choice.keep);
  const wrong = choice.remove.find((id) => keep.has(id) || !isId(id));
  if (wrong !== undefined) {
    const why = keep.has(wrong) ? "is to be kept and to be forgotten" : "is no snapshot's id";
    throw new LifeboatError("usage", `${wrong} ${why}; nothing was forgotten`);
  }
  // Only snapshot objects go, and only those of the list: a kill leaves every other one whole, with all its data.
  const there = new Set(await repository.listIds("snapshot", options));
  const remove = choice.remove.filter((id) => there.has(id));
  await forEachLimited(remove, repository.store.connections, async (id) => {
    options.signal?.throwIfAborted();
    await repository.store.delete(objectName("snapshot", id), options);
  });
  return remove;
}
