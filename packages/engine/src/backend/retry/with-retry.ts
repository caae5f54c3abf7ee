import { type Clock, isLifeboatError, LifeboatError } from "@lifeboat/model";
import { randomBytes } from "../../crypto/index.ts";
import type { ListOptions, ObjectInfo, ObjectStore, RangeOptions } from "../object-store.ts";

export interface RetryEvent {
  /** "get data/ab/abcd". */
  readonly what: string;
  /** Failed tries so far, from 1. */
  readonly tries: number;
  readonly waitMs: number;
  readonly error: LifeboatError;
}

export interface RetryOptions {
  readonly clock: Clock;
  /** 0 <= x < 1, for the jitter: many workers must not come back at the same moment. Default: the system's randomness. */
  readonly random?: (() => number) | undefined;
  /** Default 10. */
  readonly maxTries?: number | undefined;
  /** No further try starts later than this after the first. Default 15 minutes. */
  readonly budgetMs?: number | undefined;
  /** Tries until the store has answered for the first time: a wrong address should not take minutes to say so. Default 3. */
  readonly firstContactTries?: number | undefined;
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
}

const firstWaitMs = 500;
const longestWaitMs = 60_000;

/**
 * The same store, patient: errors that say `retry: "later"` are tried again with growing pauses, everything else passes.
 * Every operation of a store can be repeated; a listing or a stream goes on where it broke off.
 */
export function withRetry(store: ObjectStore, options: RetryOptions): ObjectStore {
  let reached = false;
  const random = options.random ?? systemRandom;

  /** Counts the tries of one operation and waits between them; throws when there is to be no further one. */
  const countTries = (what: string, signal: AbortSignal | undefined) => {
    let tries = 0;
    let startMs = options.clock.now();
    return {
      progress() {
        reached = true;
        tries = 0;
        startMs = options.clock.now();
      },
      async waitAfter(error: unknown): Promise<void> {
        signal?.throwIfAborted();
        if (!isLifeboatError(error)) throw error;
        if (error.code !== "store-unreachable") reached = true;
        if (error.retry !== "later") throw error;
        tries++;
        const most = reached ? (options.maxTries ?? 10) : (options.firstContactTries ?? 3);
        const waitMs = Math.round(Math.min(firstWaitMs * 2 ** (tries - 1), longestWaitMs) * (0.5 + random()));
        const spentMs = options.clock.now() - startMs;
        if (tries >= most || spentMs + waitMs > (options.budgetMs ?? 15 * 60_000)) throw givenUp(error, tries, spentMs);
        options.onRetry?.({ what, tries, waitMs, error });
        await options.clock.sleep(waitMs, signal);
      },
    };
  };

  const attempt = async <T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
    const tries = countTries(what, signal);
    for (;;) {
      try {
        const result = await work();
        reached = true;
        return result;
      } catch (error) {
        await tries.waitAfter(error);
      }
    }
  };

  async function* listOn(prefix: string, list: ListOptions): AsyncGenerator<ObjectInfo> {
    const tries = countTries(`list ${prefix}`, list.signal);
    let after = list.after;
    for (;;) {
      try {
        for await (const info of store.list(prefix, { ...list, after })) {
          tries.progress();
          after = info.name;
          yield info;
        }
        return;
      } catch (error) {
        await tries.waitAfter(error);
      }
    }
  }

  async function* streamOn(name: string, range: RangeOptions, first: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const tries = countTries(`get ${name}`, range.signal);
    let stream: AsyncIterable<Uint8Array> | undefined = first;
    let received = 0;
    for (;;) {
      try {
        stream ??= await store.getStream(name, restOf(range, received));
        for await (const part of stream) {
          tries.progress();
          received += part.length;
          yield part;
        }
        return;
      } catch (error) {
        stream = undefined;
        await tries.waitAfter(error);
        if (received === range.length) return;
      }
    }
  }

  const serverTime = store.serverTime?.bind(store);
  return {
    url: store.url,
    connections: store.connections,
    list: (prefix, list = {}) => listOn(prefix, list),
    stat: (name, o) => attempt(`stat ${name}`, o?.signal, () => store.stat(name, o)),
    get: (name, o) => attempt(`get ${name}`, o?.signal, () => store.get(name, o)),
    async getStream(name, range = {}) {
      return streamOn(name, range, await attempt(`get ${name}`, range.signal, () => store.getStream(name, range)));
    },
    put: (name, body, o) => attempt(`put ${name}`, o?.signal, () => store.put(name, body, o)),
    delete: (name, o) => attempt(`delete ${name}`, o?.signal, () => store.delete(name, o)),
    ...(serverTime === undefined ? {} : { serverTime: (o) => attempt("ask for the time", o?.signal, () => serverTime(o)) }),
    close: () => store.close(),
  };
}

function systemRandom(): number {
  return Buffer.from(randomBytes(4)).readUInt32LE() / 2 ** 32;
}

function restOf(range: RangeOptions, received: number): RangeOptions {
  return {
    ...range,
    offset: (range.offset ?? 0) + received,
    length: range.length === undefined ? undefined : range.length - received,
  };
}

function givenUp(error: LifeboatError, tries: number, spentMs: number): LifeboatError {
  if (tries === 1) return error;
  return new LifeboatError(error.code, `${error.message} (${tries} tries in ${Math.round(spentMs / 1000)} s)`, {
    retry: error.retry,
    context: { ...error.context, tries },
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
