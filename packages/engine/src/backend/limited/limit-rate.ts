import type { ObjectStore, Pace } from "../object-store.ts";

export interface StorePaces {
  readonly upload?: Pace | undefined;
  readonly download?: Pace | undefined;
}

/**
 * The same store, no faster than its paces. Bodies count, listings and headers do not: they are small. It belongs beneath the retries,
 * so that what is sent twice counts twice.
 */
export function limitRate(store: ObjectStore, { upload, download }: StorePaces): ObjectStore {
  const serverTime = store.serverTime?.bind(store);
  return {
    url: store.url,
    connections: store.connections,
    list: (prefix, options) => store.list(prefix, options),
    stat: (name, options) => store.stat(name, options),
    get: (name, options) => store.get(name, { ...options, pace: joinPaces(download, options?.pace) }),
    async getStream(name, options) {
      const stream = await store.getStream(name, options);
      return download === undefined ? stream : paceStream(stream, download, options?.signal);
    },
    put: (name, body, options) => store.put(name, body, { ...options, pace: joinPaces(upload, options?.pace) }),
    delete: (name, options) => store.delete(name, options),
    ...(serverTime === undefined ? {} : { serverTime }),
    close: () => store.close(),
  };
}

async function* paceStream(
  stream: AsyncIterable<Uint8Array>,
  pace: Pace,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const part of stream) {
    await pace.take(part.length, signal);
    yield part;
  }
}

function joinPaces(own: Pace | undefined, given: Pace | undefined): Pace | undefined {
  if (own === undefined || given === undefined) return own ?? given;
  return {
    pieceBytes: () => Math.min(own.pieceBytes(), given.pieceBytes()),
    async take(bytes, signal) {
      await given.take(bytes, signal);
      await own.take(bytes, signal);
    },
  };
}
