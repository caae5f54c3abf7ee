import { type Catalog, collectProtection } from "@lifeboat/catalog";
import { assessProtection, type Clock, type CompiledConfig, type Logger } from "@lifeboat/model";
import type { RunQueue } from "@lifeboat/queue";
import { createObjectiveWatch } from "./objectives/objective-watch.ts";
import { type Reconciliation, reconcile } from "./reconcile.ts";
import { createSilenceWatch } from "./runs/watch-silence.ts";
import { createSettledWatch } from "./slots/watch-settled.ts";

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
}

export interface Scheduler {
  /** One round now, after the one that may be under way. */
  reconcileNow(): Promise<Reconciliation>;
  /** From the next round on. */
  replaceConfig(config: CompiledConfig): void;
  /** No more rounds; resolves when the last one has ended. */
  stop(): Promise<void>;
}

const tickEveryMs = 1_000;
/** After the whole second on which slots lie: a timer may fire a millisecond early, and the tick would miss them. */
const afterTheSecondMs = 5;
const beatEveryMs = 5_000;
const watchEveryMs = 30_000;

/**
 * Looks at the clock every second and makes due slots into runs. All state is in the catalog: it may be killed, started twice
 * or moved. It needs neither repository passwords nor SSH keys.
 */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { catalog, queue, clock, logger } = options;
  const watch = createObjectiveWatch(logger);
  const watches = { silence: createSilenceWatch(), settled: createSettledWatch() };
  let { config } = options;
  let redisAway = false;
  let beatMs = Number.NEGATIVE_INFINITY;
  let watchMs = Number.NEGATIVE_INFINITY;

  const round = async (): Promise<Reconciliation> => {
    const nowMs = clock.now();
    const result = await reconcile(
      { config, catalog, queue, logger, ...watches, staleAfterMs: options.staleAfterMs ?? 60_000 },
      nowMs,
    );
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
  const inTurn = (): Promise<Reconciliation> => {
    const next = last.then(round);
    last = next.catch(() => undefined);
    return next;
  };
  const stopping = new AbortController();
  const ticks = keepTicking(clock, stopping.signal, () =>
    inTurn().catch((error: unknown) => logger.error({ err: error }, "a round of the scheduler failed")),
  );
  return {
    reconcileNow: inTurn,
    replaceConfig(next) {
      config = next;
    },
    async stop() {
      stopping.abort();
      await ticks;
      await last;
    },
  };
}

/**
 * One tick after the other. The wall clock only says where in its second the next one lies: whatever it shows, wherever it is set and
 * whatever its zone does, a tick comes within a second or so of the one before, and one that was missed is not made up for. Slots need no
 * more: they are counted from the last recorded one.
 */
async function keepTicking(clock: Clock, signal: AbortSignal, tick: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(tickEveryMs - (clock.now() % tickEveryMs) + afterTheSecondMs, signal).catch(() => undefined);
    if (!signal.aborted) await tick();
  }
}
