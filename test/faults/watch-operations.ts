import type { ObjectStore } from "@lifeboat/engine";

/** One operation on its way. */
export interface WatchedOperation {
  /** The request is under way, its answer has not come. */
  sent?(): void;
  /** It is done; the caller does not know yet. */
  done?(): void;
}

/** The same store; `watch` is called before each operation with what it is, for instance "put data/ab/abcd". */
export function watchOperations(store: ObjectStore, watch: (what: string) => WatchedOperation | undefined): ObjectStore {
  const step = async <T>(what: string, operation: () => Promise<T>): Promise<T> => {
    const watched = watch(what);
    const running = operation();
    watched?.sent?.();
    const answer = await running;
    watched?.done?.();
    return answer;
  };
  const serverTime = store.serverTime?.bind(store);
  return {
    url: store.url,
    connections: store.connections,
    async *list(prefix, options) {
      const watched = watch(`list ${prefix}`);
      watched?.sent?.();
      yield* store.list(prefix, options);
      watched?.done?.();
    },
    stat: (name, options) => step(`stat ${name}`, () => store.stat(name, options)),
    get: (name, options) => step(`get ${name}`, () => store.get(name, options)),
    getStream: (name, options) => step(`get ${name}`, () => store.getStream(name, options)),
    put: (name, body, options) => step(`put ${name}`, () => store.put(name, body, options)),
    delete: (name, options) => step(`delete ${name}`, () => store.delete(name, options)),
    ...(serverTime === undefined ? {} : { serverTime }),
    close: () => store.close(),
  };
}
