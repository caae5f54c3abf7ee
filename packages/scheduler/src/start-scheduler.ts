import { type Catalog, collectProtection } from "@lifeboat/catalog";
import { assessProtection, type Clock, type CompiledConfig, type Logger } from "@lifeboat/model";
import type { RunQueue } from "@lifeboat/queue";
import cron from "node-cron";
import { createObjectiveWatch } from "./objectives/objective-watch.ts";
import { type Reconciliation, reconcile } from "./reconcile.ts";

export interface SchedulerOptions {
  readonly config: CompiledConfig;
  readonly catalog: Catalog;
  readonly queue: RunQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this scheduler among others, for its beat: "HOST:PID". */
  readonly instance: string;
  /** Default 60 s; workers beat every few seconds. */
  readonly staleAfterMs?: number;
  /** Calls back for each tick until the returned function is called. Default: node-cron, every second. */
  readonly ticks?: (tick: () => void) => () => void;
}

export interface Scheduler {
  /** One round now, after the one that may be under way. */
  reconcileNow(): Promise<Reconciliation>;
  /** From the next round on. */
  replaceConfig(config: CompiledConfig): void;
  /** No more rounds; resolves when the last one has ended. */
  stop(): Promise<void>;
}

const beatEveryMs = 5_000;
const watchEveryMs = 30_000;

/**
 * Looks at the clock every second and makes due slots into runs. All state is in the catalog: it may be killed, started twice
 * or moved. It needs neither repository passwords nor SSH keys.
 */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { catalog, queue, clock, logger } = options;
  const watch = createObjectiveWatch(logger);
  let { config } = options;
  let redisAway = false;
  let beatMs = Number.NEGATIVE_INFINITY;
  let watchMs = Number.NEGATIVE_INFINITY;

  const round = async (): Promise<Reconciliation> => {
    const nowMs = clock.now();
    const result = await reconcile({ config, catalog, queue, logger, staleAfterMs: options.staleAfterMs ?? 60_000 }, nowMs);
    const away = result.enqueued === undefined;
    if (away !== redisAway) logger.warn({}, away ? "redis does not answer; due runs wait in the history" : "redis answers again");
    redisAway = away;
    if (result.recorded + result.skipped + result.lost > 0) logger.info({ ...result }, "slots were due");
    // a clock set back must not silence beat and watch
    if (Math.abs(nowMs - beatMs) >= beatEveryMs) {
      beatMs = nowMs;
      await catalog.beat({ program: "scheduler", instance: options.instance });
    }
    if (Math.abs(nowMs - watchMs) >= watchEveryMs) {
      watchMs = nowMs;
      watch(assessProtection(await collectProtection(catalog, config, nowMs)));
    }
    return result;
  };

  let last: Promise<unknown> = Promise.resolve();
  let busy = false;
  const inTurn = (): Promise<Reconciliation> => {
    const next = last.then(round);
    last = next.catch(() => undefined);
    return next;
  };
  const stopTicks = (options.ticks ?? everySecond)(() => {
    if (busy) return;
    busy = true;
    inTurn()
      .catch((error) => logger.error({ err: error }, "a round of the scheduler failed"))
      .finally(() => {
        busy = false;
      });
  });
  return {
    reconcileNow: inTurn,
    replaceConfig(next) {
      config = next;
    },
    async stop() {
      stopTicks();
      await last;
    },
  };
}

function everySecond(tick: () => void): () => void {
  // a tick that comes late (sleeping laptop, busy machine) needs no warning: slots are computed from the last recorded one
  const task = cron.schedule("* * * * * *", tick, { suppressMissedWarning: true });
  return () => void task.destroy();
}
