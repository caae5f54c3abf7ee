import { parentPort, workerData } from "node:worker_threads";
import type { StoreLocation } from "../backend/index.ts";
import type { SealKey } from "../crypto/index.ts";
import type { LockFields } from "./lock-file.ts";

/** What the thread is started with. */
export interface LockKeeperData {
  readonly location: StoreLocation;
  readonly masterKey: SealKey;
  readonly lock: LockFields;
  readonly lockId: string;
  readonly refreshMilliseconds: number;
  /** One Int32: 0 while the lock is wanted. The owner stores 1 and notifies to end the thread. */
  readonly wanted: SharedArrayBuffer;
}

export type LockKeeperMessage =
  | { readonly kind: "refreshed"; readonly lockId: string }
  | { readonly kind: "missed"; readonly message: string };

/**
 * Renews one lock from a thread of its own: a blocked event loop of the program cannot delay it. It waits on shared memory instead
 * of a timer. Order of a refresh: the new lock is stored before the old one goes, so that there is always one.
 */
const { location, masterKey, lock, refreshMilliseconds, wanted } = workerData as LockKeeperData;
let { lockId } = workerData as LockKeeperData;
const flag = new Int32Array(wanted);
const post = (message: LockKeeperMessage) => parentPort!.postMessage(message);

/** Earlier forms of the lock that are still stored: one that could not be deleted is tried again with the next refresh. */
const replaced: string[] = [];

// After a miss sooner: the lock is stale for others only when 30 minutes have passed, six tries fit in between.
let pause = refreshMilliseconds;
while (Atomics.wait(flag, 0, 0, pause) === "timed-out") {
  try {
    // Most runs are over before the first refresh: only then is it worth loading what it takes.
    const { openBareObjectStore } = await import("../backend/index.ts");
    const { Sealer } = await import("../crypto/index.ts");
    const { encodeUnpacked, objectName } = await import("../format/index.ts");
    // A connection of its own each time: five idle minutes outlast most servers' keep-alive.
    const store = await openBareObjectStore(location);
    const { id, bytes } = encodeUnpacked(new Sealer(masterKey), JSON.stringify({ ...lock, time: new Date().toISOString() }));
    await store.put(objectName("lock", id), bytes, { sha256: id });
    replaced.push(lockId);
    lockId = id;
    post({ kind: "refreshed", lockId });
    while (replaced.length > 0) {
      await store.delete(objectName("lock", replaced[0]!));
      replaced.shift();
    }
    await store.close();
    pause = refreshMilliseconds;
  } catch (error) {
    pause = Math.min(refreshMilliseconds, 30_000);
    post({ kind: "missed", message: error instanceof Error ? error.message : String(error) });
  }
}
