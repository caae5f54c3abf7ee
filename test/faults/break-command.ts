import { type Dirent, readdirSync, statfsSync, watch } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { createSeededRandom } from "../fixtures/seeded-random.ts";
import type { CallMoment, HttpFaultEffect, PlannedFault, SeenRequest } from "../services/index.ts";
import type { FaultScene, PlaceUnderFault } from "./open-fault-scene.ts";
import type { FaultPlan } from "./plan-faults.ts";
import type { PreparedCommand } from "./prepare-command.ts";
import { type EndedLifeboat, type Shorter, startLifeboat } from "./start-lifeboat.ts";

/** What a command did when nothing broke it: where it can be broken. */
export interface CommandShape {
  /** Requests to the store, by class as `classOf` gives it, in their order. */
  readonly classes: readonly string[];
  readonly milliseconds: number;
  readonly bytesFromHost: number;
  readonly folderChanges: number;
}

export interface BrokenCommand {
  readonly ended: EndedLifeboat;
  /** What happened where, for messages; undefined when the fault never came. */
  readonly fired: string | undefined;
}

type Random = ReturnType<typeof createSeededRandom>;

/** "PUT data", "GET index", "LIST snapshots", "DELETE locks". */
export function classOf({ method, path }: SeenRequest): string {
  const [where = "", query = ""] = path.split("?", 2);
  const list = /(?:^|&)prefix=repo\/([^/&]*)/.exec(query)?.[1];
  if (list !== undefined) return `LIST ${list}`;
  return `${method} ${/\/repo\/(?:lifeboat\/v1\/)?([^/]+)/.exec(where)?.[1] ?? ""}`;
}

/** Runs it unbroken and says what it did. */
export async function watchCommand(scene: FaultScene, { again, touched }: PreparedCommand): Promise<[EndedLifeboat, CommandShape]> {
  const before = { seen: scene.store.seen.length, bytes: scene.host.bytesFromTarget(), at: performance.now() };
  const changes = countChanges(touched);
  const ended = await startLifeboat(scene.folder, again).ended;
  return [
    ended,
    {
      classes: scene.store.seen.slice(before.seen).map(classOf),
      milliseconds: performance.now() - before.at,
      bytesFromHost: scene.host.bytesFromTarget() - before.bytes,
      folderChanges: changes.stop(),
    },
  ];
}

/** Runs it with the fault at a random point; with `early`, at the first point there is. */
export async function breakCommand(
  scene: FaultScene,
  plan: FaultPlan,
  command: PreparedCommand,
  { shape, random, early }: { readonly shape: CommandShape; readonly random: Random; readonly early: boolean },
): Promise<BrokenCommand> {
  const below = (limit: number) => (early ? 0 : random.below(Math.max(1, limit)));
  const start = (shorter?: Shorter) => startLifeboat(scene.folder, command.args, shorter);
  const isTouched = ({ path }: SeenRequest) =>
    command.touched.some(({ requestPath }) => requestPath !== undefined && path.startsWith(requestPath));

  switch (plan.kind) {
    case "SIGKILL at a byte from the host": {
      const bytes = below(shape.bytesFromHost);
      const from = scene.host.bytesFromTarget();
      const running = start();
      const watching = setInterval(() => {
        if (scene.host.bytesFromTarget() - from > bytes) running.kill();
      }, 1);
      const ended = await running.ended;
      clearInterval(watching);
      return { ended, fired: killed(ended, `after ${scene.host.bytesFromTarget() - from} bytes from the host`) };
    }
    case "SIGKILL at a change of the repository's folder": {
      const at = 1 + below(shape.folderChanges);
      const running = start();
      const changes = countChanges(command.touched, (count) => {
        if (count >= at) running.kill();
      });
      const ended = await running.ended;
      return { ended, fired: killed(ended, `at change ${at} of the folder, after ${changes.stop()}`) };
    }
    case "SIGKILL at a moment": {
      const milliseconds = below(shape.milliseconds);
      const running = start();
      const effect = callOnce(() => void setTimeout(running.kill, milliseconds));
      const planned = scene.store.plan({ matches: isTouched, at: 1, times: 1, effect });
      const ended = await running.ended;
      planned.lift();
      return { ended, fired: killed(ended, `${milliseconds} ms after its first request`) };
    }
    case "SSH connection cut": {
      const bytes = 1 + below(shape.bytesFromHost);
      const refuse = random.below(2) === 0;
      let cut = false;
      scene.host.cutAfter(bytes, () => {
        cut = true;
        scene.host.refuseConnections(refuse);
      });
      const ended = await start({ pauses: 200, patience: 1 }).ended;
      scene.host.cutAfter(Number.POSITIVE_INFINITY, () => undefined);
      scene.host.refuseConnections(false);
      return { ended, fired: cut ? `after ${bytes} bytes${refuse ? ", and refused from then on" : ""}` : undefined };
    }
    case "disk full": {
      const free = [0, 4096, random.below(200_000), random.below(4_000_000)][below(4)]!;
      const filler = await fillDisk(join(scene.folder, "disk"), free);
      const ended = await start().ended;
      await rm(filler);
      return { ended, fired: ended.exitCode === 0 ? undefined : `with ${free} bytes left` };
    }
    default: {
      const methods =
        plan.kind === "S3 answers cut short" ? /^(GET|LIST) / : plan.kind === "S3 connection cut in an upload" ? /^PUT / : /./;
      const classes = shape.classes.filter((each) => methods.test(each));
      const names = [...new Set(classes)];
      const name = names[early ? 0 : random.below(Math.max(1, names.length))] ?? "GET config";
      const at = 1 + below(classes.filter((each) => each === name).length);
      // From there on everything, or only this kind of request.
      const isWide = plan.form === "lasting" && random.below(2) === 0;
      /** One for each plan: it counts. */
      const matcher = () => {
        let count = 0;
        return (seen: SeenRequest) => {
          if (!isTouched(seen) || !methods.test(classOf(seen))) return false;
          if (classOf(seen) === name) count++;
          return count >= at && (isWide || classOf(seen) === name);
        };
      };
      const isKill = plan.kind === "SIGKILL at a request to the store";
      const where = `request ${at} of "${name}"${isWide && !isKill ? " and all after it" : ""}`;
      const planned: PlannedFault[] = [];
      const plant = (effect: HttpFaultEffect, times: number, offset = 0) =>
        planned.push(scene.store.plan({ matches: matcher(), at: 1 + offset, times, effect }));
      if (isKill) {
        const moment = (["before", "half", "sent", "answered"] as CallMoment[])[random.below(4)]!;
        let running: ReturnType<typeof start> | undefined;
        const kill = () => {
          running?.kill();
          return running?.ended;
        };
        plant({ kind: "call", moment, call: kill }, 1);
        running = start();
        const ended = await running.ended;
        for (const each of planned) each.lift();
        return { ended, fired: killed(ended, `${where}, ${moment}`) };
      }
      const times = plan.form === "lasting" ? Number.POSITIVE_INFINITY : 1 + random.below(2);
      const effect = effectOf(plan, random);
      // A silent server costs patience each time: after two requests it is gone altogether.
      plant(effect, effect.kind === "silence" ? Math.min(times, 2) : times);
      if (effect.kind === "silence" && plan.form === "lasting") plant({ kind: "reset" }, times, 2);
      const ended = await start({ pauses: 200, patience: effect.kind === "silence" ? 30 : 1 }).ended;
      for (const each of planned) each.lift();
      const met = planned.flatMap(({ fired }) => fired);
      return { ended, fired: met.length === 0 ? undefined : `${where}, ${met.length} met: ${JSON.stringify(effect)}` };
    }
  }
}

function effectOf({ kind, form }: FaultPlan, random: Random): HttpFaultEffect {
  const done = form === "passing" && random.below(2) === 0;
  const share = random.below(1000) / 1000;
  switch (kind) {
    case "S3 answers 500":
      return { kind: "error", status: 500, code: "InternalError", done };
    case "S3 answers 503":
      return { kind: "error", status: 503, code: "SlowDown", done };
    case "S3 never answers":
      return { kind: "silence", done };
    case "S3 resets connections":
      return { kind: "reset" };
    case "S3 connection cut in an upload":
      return { kind: "cut request", share };
    case "S3 answers cut short":
      return { kind: "cut answer", share };
    case "S3 answers slowly":
      return { kind: "slow", pieces: 5, pauseMs: 100 + random.below(200) };
    default:
      throw new RangeError(`${kind} is no fault of a request`);
  }
}

function callOnce(call: () => void): HttpFaultEffect {
  return { kind: "call", moment: "before", call };
}

function killed({ signal }: EndedLifeboat, where: string): string | undefined {
  return signal === "SIGKILL" ? where : undefined;
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
