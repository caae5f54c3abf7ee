import { constants } from "node:fs";
import { type FileHandle, lstat, open, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isId, type RepairedPack, repairPacks } from "@lifeboat/engine";
import { exitCodes, LifeboatError, messageOf } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

/** `lifeboat repo repair packs ID...`. */
export async function repairPacksOf(session: Session, values: OptionValues): Promise<number> {
  const packs = values.words.slice(1);
  const wrong = packs.find((id) => !isId(id));
  if (packs.length === 0 || wrong !== undefined) {
    throw new LifeboatError("usage", wrong === undefined ? "which packs? name their ids" : `"${wrong}" is no id of a pack`, {
      hint: "'lifeboat repo check --read-data' names damaged packs.",
    });
  }
  const progress = showProgress(session, "repair");
  const { dryRun } = session;
  const folder = resolve(values.text("keep") ?? ".");
  const opened = { lock: dryRun ? "none" : "exclusive", progress } as const;
  return withChosenRepository(session, values, opened, async ({ repository, context, lock }) => {
    const { signal, clock } = context;
    const saveCopy = (id: string, bytes: Uint8Array) => keepCopy(session, folder, id, bytes);
    const beforeReplace = async () => lock?.assertHeld();
    const result = await repairPacks(repository, { packs, dryRun, saveCopy, beforeReplace, signal, clock, progress });
    session.output.status(undefined);
    if (session.json) {
      await session.answer({
        message_type: "summary",
        dry_run: dryRun,
        packs: result.packs.map(({ id, outcome, salvagedBlobs, lostBlobs }) => ({
          ...{ id, outcome, blobs_salvaged: salvagedBlobs, blobs_lost: lostBlobs },
        })),
        packs_left: result.leftPacks,
      });
    }
    for (const pack of result.packs) session.say(`  ${describePack(pack)}`);
    if (result.leftPacks > 0) session.output.note(`! ${countOf(result.leftPacks, "pack")} could not be deleted: prune does it`);
    const lost = result.packs.reduce((sum, { lostBlobs }) => sum + lostBlobs.length, 0);
    if (dryRun) session.say("Dry run: nothing was changed.");
    else if (lost > 0) session.say("  next   'lifeboat repo repair snapshots' takes what is lost out of the snapshots");
    // Whoever repeats a command does not know how far the first one came, and an id may also be a wrong one.
    else if (result.packs.some(({ outcome }) => outcome === "absent"))
      session.say("  next   'lifeboat repo check' says what snapshots still lack, with --read-data also which packs are damaged");
    return exitCodes.passed;
  });
}

function describePack({ id, outcome, salvagedBlobs, lostBlobs }: RepairedPack): string {
  const name = `pack ${id.slice(0, 8)}`;
  if (outcome === "sound") return `✓ ${name} is sound: it stays`;
  if (outcome === "absent") return `✓ ${name} is in no index and not in the store: there is nothing to do for it any more`;
  if (outcome === "restored") return `✓ ${name} was whole in this machine's cache: nothing is lost`;
  const folders = lostBlobs.filter(({ type }) => type === "tree").length;
  const lost = `${countOf(lostBlobs.length, "blob")} lost, ${folders} of them folders`;
  return `${lostBlobs.length === 0 ? "✓" : "!"} ${name}: ${countOf(salvagedBlobs, "blob")} salvaged, ${lostBlobs.length === 0 ? "none lost" : lost}`;
}

/**
 * Whoever can open a pack's blobs by other means has it as it was. A file that stands there is never replaced, unless it is the beginning
 * of this very pack, as a command that was killed leaves it.
 */
async function keepCopy(session: Session, folder: string, id: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, `pack-${id}`);
  try {
    const file = await openCopy(path, bytes);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new LifeboatError("usage", `the damaged pack cannot be kept as ${path} (${messageOf(error)}); it was not changed`, {
      hint: "Name another folder with --keep DIR.",
      cause: error,
    });
  }
  session.say(`  the damaged pack is kept as ${path}`);
}

async function openCopy(path: string, bytes: Uint8Array): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    const isOwn = async () => {
      // Not through a link, and no more than can be equal.
      const { size } = await lstat(path);
      return size <= bytes.length && Buffer.from(bytes.subarray(0, size)).equals(await readFile(path));
    };
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST") || !(await isOwn())) throw error;
    return open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  }
}
