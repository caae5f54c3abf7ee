import type { ReadEvent } from "@lifeboat/model";

const maxHoleBytes = 64 * 1024 * 1024;
const maxBatchEvents = 1024;

/**
 * The same events with no hole above 64 MiB, so that who fills a hole stays responsive. Lazy: a file of petabytes may be one
 * hole, and all its parts at once would fill memory.
 */
export function* splitHoles(batch: readonly ReadEvent[]): Generator<readonly ReadEvent[], void, undefined> {
  if (!batch.some((event) => event.kind === "hole" && event.length > maxHoleBytes)) {
    if (batch.length > 0) yield batch;
    return;
  }
  let part: ReadEvent[] = [];
  for (const event of batch) {
    let rest = event.kind === "hole" ? event.length : 0;
    do {
      part.push(event.kind === "hole" ? { ...event, length: Math.min(rest, maxHoleBytes) } : event);
      rest -= maxHoleBytes;
      if (part.length === maxBatchEvents) {
        yield part;
        part = [];
      }
    } while (rest > 0);
  }
  if (part.length > 0) yield part;
}
