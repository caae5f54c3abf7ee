import type { ByteString } from "@lifeboat/model";
import type { Reconciliation } from "./reconcile-target.ts";
import type { RestoreItem } from "./restore-item.ts";
import { type RestoreStreamContent, type RestoreStreamOptions, writeRestoreStream } from "./restore-stream.ts";
import { splitStaged } from "./stage-places.ts";

/** Space that finished files take beside the old ones until they are moved in, and files of one tar. */
const maxStagedBytes = 512 * 1024 * 1024;
const maxStagedFiles = 10_000;

/**
 * Brings a target that is not empty to what the reconciliation says. Killed: each file that was to be replaced is the old one or the
 * new one, whole; of what was missing one file may stand unfinished, with a time that is not the snapshot's, so that the next restore
 * with `if-changed` writes it again; folders may lack their metadata. Gives how many things took another's place.
 */
export async function writeReconciled(options: Omit<RestoreStreamOptions, "stages">, work: Reconciliation): Promise<number> {
  const { target, tally, signal } = options;
  const { stages } = work;
  const stream = { ...options, stages };
  await target.prepare({ remove: work.remove, open: work.open, stages }, signal);
  const direct = work.files.filter(({ writeTo }) => writeTo === undefined);
  const folders = work.folders.map(openFolder);
  if (folders.length + direct.length > 0) await writeRestoreStream(stream, { folders, files: direct });
  await target.touch(tally.broken(), signal);
  let replaced = 0;
  const replace = async (content: RestoreStreamContent) => {
    await writeRestoreStream(stream, content);
    replaced += await moveIn(stream, [...(content.files ?? []), ...(content.others ?? [])]);
  };
  for (const files of batchesOf(work.files.filter(({ writeTo }) => writeTo !== undefined))) await replace({ files });
  // Further names of files come after all files stand in their places.
  if (work.others.length > 0) await replace({ others: work.others });
  await target.removeStages(stages, signal);
  if (work.settle.length > 0) await writeRestoreStream(stream, { folders: work.settle }, "folders");
  return replaced;
}

/** Files go into it before it gets its own mode: who is not root could not write into a closed one. */
function openFolder(item: RestoreItem): RestoreItem {
  return { ...item, node: { ...item.node, mode: item.node.mode | 0o700 } };
}

function* batchesOf(files: readonly RestoreItem[]): Generator<RestoreItem[]> {
  let batch: RestoreItem[] = [];
  let bytes = 0;
  for (const file of files) {
    batch.push(file);
    bytes += file.node.size;
    if (bytes < maxStagedBytes && batch.length < maxStagedFiles) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

async function moveIn({ target, tally, stages, signal }: RestoreStreamOptions, items: readonly RestoreItem[]): Promise<number> {
  const folders = new Map<ByteString, Set<ByteString>>();
  const broken: ByteString[] = [];
  let moved = 0;
  for (const { path, writeTo } of items) {
    const staged = writeTo === undefined ? undefined : splitStaged(writeTo, stages);
    if (staged === undefined || writeTo === undefined || tally.leftOut.has(path) || tally.notMade.has(path)) continue;
    if (tally.lost.has(path)) {
      // With zeros in it; what stands there is likely to be better.
      broken.push(writeTo);
      tally.report(path, "was therefore not put in the place of what stands there");
      continue;
    }
    moved++;
    const list = folders.get(staged.stage);
    if (list === undefined) folders.set(staged.stage, new Set([staged.folder]));
    else list.add(staged.folder);
  }
  await target.discard(broken, signal);
  for (const [stage, list] of folders) {
    const left = await target.moveIn(stage, [...list], signal);
    moved -= left.length;
    tally.reportTarget(left, []);
  }
  return moved;
}
