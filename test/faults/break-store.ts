import type { createSeededRandom } from "../fixtures/seeded-random.ts";
import type { CallMoment, HttpFaultEffect, SeenRequest } from "../services/index.ts";
import type { FaultScene } from "./open-fault-scene.ts";
import type { FaultPlan } from "./plan-faults.ts";
import type { PreparedCommand } from "./prepare-command.ts";
import { type EndedLifeboat, startLifeboat } from "./start-lifeboat.ts";

export interface BrokenCommand {
  readonly ended: EndedLifeboat;
  /** What happened where, for messages; undefined when the fault never came. */
  readonly fired: string | undefined;
}

type Random = ReturnType<typeof createSeededRandom>;

interface StoreBreak {
  readonly scene: FaultScene;
  readonly plan: FaultPlan;
  readonly command: PreparedCommand;
  /** The requests of the command when nothing broke it. */
  readonly classes: readonly string[];
  readonly random: Random;
  readonly early: boolean;
}

/** "PUT data", "GET index", "LIST snapshots", "DELETE locks". */
export function classOf({ method, path }: SeenRequest): string {
  const [where = "", query = ""] = path.split("?", 2);
  const list = /(?:^|&)prefix=repo\/([^/&]*)/.exec(query)?.[1];
  if (list !== undefined) return `LIST ${list}`;
  return `${method} ${/\/repo\/(?:lifeboat\/v1\/)?([^/]+)/.exec(where)?.[1] ?? ""}`;
}

export function isToStoreOf(command: PreparedCommand): (seen: SeenRequest) => boolean {
  const paths = command.touched.flatMap(({ requestPath }) => requestPath ?? []);
  return ({ path }) => paths.some((start) => path.startsWith(start));
}

/** Runs a command; the n-th request of a kind that is chosen at random breaks, or kills it. */
export async function breakStore(chosen: StoreBreak): Promise<BrokenCommand> {
  const { plan, random } = chosen;
  const point = choosePoint(chosen);
  if (plan.kind === "SIGKILL at a request to the store") return killAtRequest(chosen, point);
  const { scene, command } = chosen;
  const times = plan.form === "lasting" ? Number.POSITIVE_INFINITY : 1 + random.below(2);
  const effect = effectOf(plan, random);
  const isSilent = effect.kind === "silence";
  // A silent server costs patience each time: one that lasts is gone altogether after two requests.
  const planned = [scene.store.plan({ matches: point.matcher(), at: 1, times: isSilent ? Math.min(times, 2) : times, effect })];
  if (isSilent && plan.form === "lasting") {
    planned.push(scene.store.plan({ matches: point.matcher(), at: 3, times, effect: { kind: "reset" } }));
  }
  const ended = await startLifeboat(scene.folder, command.args, { pauses: 200, patience: isSilent ? 30 : 1 }).ended;
  for (const each of planned) each.lift();
  const met = planned.flatMap(({ fired }) => fired).length;
  return { ended, fired: met === 0 ? undefined : `${point.where}, ${met} met: ${JSON.stringify(effect)}` };
}

interface Point {
  readonly where: string;
  /** A new one for each fault: it counts. */
  matcher(): (seen: SeenRequest) => boolean;
}

function choosePoint({ plan, command, classes, random, early }: StoreBreak): Point {
  const suitable =
    plan.kind === "S3 answers cut short" ? /^(GET|LIST) / : plan.kind === "S3 connection cut in an upload" ? /^PUT / : /./;
  const candidates = classes.filter((each) => suitable.test(each));
  const all = [...new Set(candidates)];
  const changing = all.filter((each) => /^(PUT|DELETE) /.test(each));
  // Most commands read much more than they change, and what they change matters more.
  const names = changing.length > 0 && random.below(3) > 0 ? changing : all;
  const name = (early ? names[0] : names[random.below(Math.max(1, names.length))]) ?? "GET config";
  const count = candidates.filter((each) => each === name).length;
  const at = early ? 1 : 1 + random.below(Math.max(1, count));
  // From there on everything, or only this kind of request.
  const isWide = plan.form === "lasting" && plan.kind.startsWith("S3") && random.below(2) === 0;
  const isToStore = isToStoreOf(command);
  return {
    where: `request ${at} of "${name}"${isWide ? " and all after it" : ""}`,
    matcher() {
      let seenOfName = 0;
      return (seen) => {
        const what = classOf(seen);
        if (!isToStore(seen) || !suitable.test(what)) return false;
        if (what === name) seenOfName++;
        return seenOfName >= at && (isWide || what === name);
      };
    },
  };
}

async function killAtRequest({ scene, command, random }: StoreBreak, { where, matcher }: Point): Promise<BrokenCommand> {
  const moment = (["before", "half", "sent", "answered"] as CallMoment[])[random.below(4)]!;
  let running: ReturnType<typeof startLifeboat> | undefined;
  // Nothing passes on before it is dead.
  const kill = () => {
    running?.kill();
    return running?.ended;
  };
  const planned = scene.store.plan({ matches: matcher(), at: 1, times: 1, effect: { kind: "call", moment, call: kill } });
  running = startLifeboat(scene.folder, command.args);
  const ended = await running.ended;
  planned.lift();
  return { ended, fired: ended.signal === "SIGKILL" ? `${where}, ${moment}` : undefined };
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
