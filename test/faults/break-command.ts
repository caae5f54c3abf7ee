import { type Dirent, readdirSync, statfsSync, watch } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { createSeededRandom } from "../fixtures/seeded-random.ts";
import { type BrokenCommand, breakStore, classOf, isToStoreOf } from "./break-store.ts";
import type { FaultScene, PlaceUnderFault } from "./open-fault-scene.ts";
import type { FaultPlan } from "./plan-faults.ts";
import { bytesFromHost, type PreparedCommand } from "./prepare-command.ts";
import { type EndedLifeboat, type Shorter, startLifeboat } from "./start-lifeboat.ts";

/** Login, questions about the host and the listing of the small tree are over by then. Only a run that reads goes on over a new connection. */
const readingBytes = 200_000;

/** What a command did when nothing broke it: where it can be broken. */
export interface CommandShape {
  /** Requests to the store, by class as `classOf` gives it, in their order. */
  readonly classes: readonly string[];
  readonly milliseconds: number;
  readonly folderChanges: number;
}

export interface BreakOptions {
  readonly shape: CommandShape;
  readonly random: ReturnType<typeof createSeededRandom>;
  /** At the first point there is instead of one at random. */
  readonly early: boolean;
}

/** Runs it unbroken and says what it did. */
export async function watchCommand(
  scene: FaultScene,
  { again, touched }: PreparedCommand,
): Promise<[EndedLifeboat, CommandShape]> {
  const before = { seen: scene.store.seen.length, at: performance.now() };
  const changes = countChanges(touched);
  const ended = await startLifeboat(scene.folder, again).ended;
  const shape = {
    classes: scene.store.seen.slice(before.seen).map(classOf),
    milliseconds: performance.now() - before.at,
    folderChanges: changes.stop(),
  };
  return [ended, shape];
}

/** Runs it with the fault that is planned. */
export async function breakCommand(
  scene: FaultScene,
  plan: FaultPlan,
  command: PreparedCommand,
  { shape, random, early }: BreakOptions,
): Promise<BrokenCommand> {
  const below = (limit: number) => (early ? 0 : random.below(Math.max(1, Math.floor(limit))));
  const start = (shorter?: Shorter) => startLifeboat(scene.folder, command.args, shorter);
  // While it logs in, asks and lists, or at any place of what it reads.
  const bytesUntilBreak = () => 1 + (random.below(3) === 0 ? below(readingBytes) : below(bytesFromHost));
  switch (plan.kind) {
    case "SIGKILL at a byte from the host": {
      const bytes = bytesUntilBreak();
      const from = scene.host.bytesFromTarget();
      const running = start();
      const watching = setInterval(() => {
        if (scene.host.bytesFromTarget() - from > bytes) running.kill();
      }, 1);
      const ended = await running.ended;
      clearInterval(watching);
      return killed(ended, `after ${scene.host.bytesFromTarget() - from} bytes from the host`);
    }
    case "SIGKILL at a change of the repository's folder": {
      const at = 1 + below(shape.folderChanges);
      const running = start();
      const changes = countChanges(command.touched, (count) => {
        if (count >= at) running.kill();
      });
      const ended = await running.ended;
      return killed(ended, `at change ${at} of the folder, dead after ${changes.stop()}`);
    }
    case "SIGKILL at a moment": {
      const milliseconds = below(shape.milliseconds);
      const running = start();
      const call = () => void setTimeout(running.kill, milliseconds);
      const effect = { kind: "call", moment: "before", call } as const;
      const planned = scene.store.plan({ matches: isToStoreOf(command), at: 1, times: 1, effect });
      const ended = await running.ended;
      planned.lift();
      return killed(ended, `${milliseconds} ms after its first request`);
    }
    case "SSH connection cut": {
      const refuse = plan.form === "lasting";
      const bytes = refuse ? bytesUntilBreak() : readingBytes + below(bytesFromHost - readingBytes);
      let fired: string | undefined;
      scene.host.cutAfter(bytes, () => {
        fired = `after ${bytes} bytes${refuse ? ", and refused from then on" : ""}`;
        scene.host.refuseConnections(refuse);
      });
      const ended = await start({ pauses: 200, patience: 1 }).ended;
      scene.host.cutAfter(Number.POSITIVE_INFINITY);
      scene.host.refuseConnections(false);
      return { ended, fired };
    }
    case "disk full": {
      const free = [0, 4096, random.below(200_000), random.below(4_000_000)][below(4)]!;
      const filler = await fillDisk(join(scene.folder, "disk"), free);
      const ended = await start().ended;
      await rm(filler);
      return { ended, fired: ended.exitCode === 0 ? undefined : `with ${free} bytes left` };
    }
    default:
      return breakStore({ scene, plan, command, classes: shape.classes, random, early });
  }
}

function killed(ended: EndedLifeboat, where: string): BrokenCommand {
  return { ended, fired: ended.signal === "SIGKILL" ? where : undefined };
}

/** Changes in the folders of those that have one. */
function countChanges(places: readonly PlaceUnderFault[], onChange?: (count: number) => void): { stop(): number } {
  let count = 0;
  const watchers = places.flatMap(({ folder }) => {
    if (folder === undefined) return [];
    const below = (readdirSync(folder, { recursive: true, withFileTypes: true }) as Dirent[])
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    const noteChange = () => {
      count++;
      onChange?.(count);
    };
    return [folder, ...below].map((path) => watch(path, noteChange));
  });
  return {
    stop() {
      for (const each of watchers) each.close();
      return count;
    },
  };
}

/** Leaves so many bytes, as far as a file system counts them. */
async function fillDisk(folder: string, freeBytes: number): Promise<string> {
  const { bavail, bsize } = statfsSync(folder);
  const path = join(folder, "filler");
  await writeFile(path, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
  return path;
}
