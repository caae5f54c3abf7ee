import { LifeboatError } from "@lifeboat/model";
import { joinBody } from "../object-body.ts";
import type { ObjectStore } from "../object-store.ts";

export type StoreOperation = "list" | "stat" | "get" | "getStream" | "put" | "delete";

export type FaultEffect =
  /** Nothing happens in the store. Default error: `store-failed`, retry later. */
  | { readonly kind: "fail"; readonly error?: () => Error }
  /** The operation is done, its answer is lost. */
  | { readonly kind: "fail-after"; readonly error?: () => Error }
  /** One bit of what is read, or of what is stored, is turned over; `byte` from the end when negative. */
  | { readonly kind: "flip-bit"; readonly byte: number }
  /** Only the first bytes are read (nobody says so) or stored (and the write fails): a store that is not atomic. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** Something happens just before: a kill, an abort, another writer. */
  | { readonly kind: "call"; readonly call: (name: string) => void | Promise<void> };

export interface Fault {
  /** For people: what goes wrong. */
  readonly name: string;
  readonly operation: StoreOperation | "any";
  /** Only objects (or listings) whose name starts like this; default all. */
  readonly prefix?: string;
  /** 1 = the first matching operation. */
  readonly at: number;
  /** How many matching operations in a row; default 1. */
  readonly times?: number;
  readonly effect: FaultEffect;
}

export interface FaultyStore extends ObjectStore {
  /** Everything that was asked for so far, in order: "put data/ab/abcd". */
  readonly operations: readonly string[];
  /** Throws when a fault never fired (all its `times`): such a test has shown nothing. */
  verifyAllFaultsExercised(): void;
}

/** The same store with named faults at chosen operations, for tests. */
export function injectFaults(store: ObjectStore, faults: readonly Fault[]): FaultyStore {
  const operations: string[] = [];
  const counts = faults.map((fault) => ({ fault, seen: 0, fired: 0 }));

  const fire = async (operation: StoreOperation, name: string): Promise<FaultEffect | undefined> => {
    operations.push(`${operation} ${name}`);
    let effect: FaultEffect | undefined;
    for (const count of counts) {
      const { fault } = count;
      if (fault.operation !== "any" && fault.operation !== operation) continue;
      if (!name.startsWith(fault.prefix ?? "")) continue;
      count.seen++;
      if (count.seen < fault.at || count.seen >= fault.at + (fault.times ?? 1)) continue;
      if (!canHave(operation, fault.effect)) throw new TypeError(`fault "${fault.name}" has no meaning for ${operation}`);
      count.fired++;
      if (fault.effect.kind === "call") await fault.effect.call(name);
      else effect ??= fault.effect;
    }
    if (effect?.kind === "fail") throw errorOf(effect, operation, name);
    return effect;
  };
  const serverTime = store.serverTime?.bind(store);

  return {
    url: store.url,
    connections: store.connections,
    operations,
    async *list(prefix, o) {
      const effect = await fire("list", prefix);
      yield* store.list(prefix, o);
      if (effect?.kind === "fail-after") throw errorOf(effect, "list", prefix);
    },
    async stat(name, o) {
      const effect = await fire("stat", name);
      const info = await store.stat(name, o);
      if (effect?.kind === "fail-after") throw errorOf(effect, "stat", name);
      return info;
    },
    async get(name, o) {
      const effect = await fire("get", name);
      const bytes = await store.get(name, o);
      if (effect?.kind === "fail-after") throw errorOf(effect, "get", name);
      return damage(bytes, effect);
    },
    async getStream(name, o) {
      const effect = await fire("getStream", name);
      const stream = await store.getStream(name, o);
      return effect === undefined ? stream : damageStream(stream, effect, name);
    },
    async put(name, body, o) {
      const effect = await fire("put", name);
      if (effect?.kind === "flip-bit" || effect?.kind === "cut") {
        // The hash given is that of the whole body: a store that checks it would refuse what a bad disk would not.
        await store.put(name, damage(joinBody(body).slice(), effect), { signal: o?.signal });
      } else {
        await store.put(name, body, o);
      }
      if (effect?.kind === "fail-after" || effect?.kind === "cut") throw errorOf(effect, "put", name);
    },
    async delete(name, o) {
      const effect = await fire("delete", name);
      await store.delete(name, o);
      if (effect?.kind === "fail-after") throw errorOf(effect, "delete", name);
    },
    ...(serverTime === undefined ? {} : { serverTime }),
    close: () => store.close(),
    verifyAllFaultsExercised() {
      const idle = counts.filter(({ fault, fired }) => fired < (fault.times ?? 1));
      if (idle.length === 0) return;
      const lines = idle.map(
        ({ fault, seen, fired }) => `"${fault.name}" fired ${fired} of ${fault.times ?? 1} times (${seen} matched)`,
      );
      throw new Error(`faults that were never exercised prove nothing: ${lines.join(", ")}`);
    },
  };
}

function canHave(operation: StoreOperation, effect: FaultEffect): boolean {
  if (effect.kind !== "flip-bit" && effect.kind !== "cut") return true;
  return operation === "get" || operation === "getStream" || operation === "put";
}

function errorOf(effect: FaultEffect, operation: StoreOperation, name: string): Error {
  if ((effect.kind === "fail" || effect.kind === "fail-after") && effect.error !== undefined) return effect.error();
  return new LifeboatError("store-failed", `injected fault: ${operation} ${name}`, { retry: "later", context: { object: name } });
}

function damage(bytes: Uint8Array, effect: FaultEffect | undefined): Uint8Array {
  if (effect?.kind === "cut") return bytes.subarray(0, effect.afterBytes);
  if (effect?.kind !== "flip-bit" || bytes.length === 0) return bytes;
  const at = Math.min(effect.byte < 0 ? Math.max(bytes.length + effect.byte, 0) : effect.byte, bytes.length - 1);
  bytes[at] = bytes[at]! ^ 1;
  return bytes;
}

async function* damageStream(stream: AsyncIterable<Uint8Array>, effect: FaultEffect, name: string): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const part of stream) {
    const from = at;
    at += part.length;
    if (effect.kind === "cut" && at >= effect.afterBytes) {
      if (effect.afterBytes > from) yield part.subarray(0, effect.afterBytes - from);
      return;
    }
    // A negative place is not known before the end: the first byte stands for it.
    const byte = effect.kind === "flip-bit" ? Math.max(effect.byte, 0) : -1;
    if (byte >= from && byte < at) part[byte - from] = part[byte - from]! ^ 1;
    yield part;
    // An answer is lost on the way, not at its end.
    if (effect.kind === "fail-after") throw errorOf(effect, "getStream", name);
  }
}
