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
  | { readonly kind: "missed"; readonly message: string }
  /** Somebody has removed it, and may have worked as if nobody else was there: it is not renewed, and comes back never. */
  | { readonly kind: "removed" };

/**
 * Renews one lock from a thread of its own: a blocked event loop of the program cannot delay it. It waits on shared memory instead
 * of a timer. Order of a refresh: the new lock is stored before the old one goes, so that there is always one. Before and after that the
 * old one must be there: a lock that comes back after it was removed would hide that there was none for a while. As restic does.
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
    const isThere = async () => (await store.stat(objectName("lock", lockId))) !== undefined;
    const { id, bytes } = encodeUnpacked(new Sealer(masterKey), JSON.stringify({ ...lock, time: new Date().toISOString() }));
    let isHeld = await isThere();
    if (isHeld) {
      await store.put(objectName("lock", id), bytes, { sha256: id });
      isHeld = await isThere();
      // A put whose answer was lost leaves a lock that stands in everybody's way until it is stale; so does a delete that fails here.
      if (!isHeld) await store.delete(objectName("lock", id));
    }
    if (!isHeld) {
      post({ kind: "removed" });
      await store.close();
      break;
    }
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
