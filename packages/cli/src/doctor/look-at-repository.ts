import { isStale, listLocks } from "@lifeboat/engine";
import { type JobContext, openChosenRepository } from "@lifeboat/jobs";
import { formatDuration } from "@lifeboat/model";
import { countOf } from "../output/format-size.ts";
import { type Finding, failure } from "./finding.ts";

const maxSkewMs = 60_000;

/** Opens it with its password, looks at locks and at the store's clock. Writes nothing. */
export async function* lookAtRepository(context: JobContext, name: string): AsyncGenerator<Finding> {
  const about = `repository ${name}`;
  try {
    const repository = await openChosenRepository(context, { name });
    try {
      const snapshots = await repository.listIds("snapshot", { signal: context.signal });
      yield {
        level: "ok",
        about,
        text: `${repository.store.url} opens with its password, ${countOf(snapshots.length, "snapshot")}`,
      };
      const locks = await listLocks(repository);
      const stale = locks.filter((lock) => isStale(lock, context.clock.now()));
      if (stale.length > 0) {
        yield {
          level: "warning",
          about,
          text: `${countOf(stale.length, "lock")} of dead programs`,
          next: `lifeboat repo unlock --repo ${name}`,
        };
      } else yield { level: "ok", about, text: locks.length === 0 ? "no locks" : `${countOf(locks.length, "lock")}, none stale` };
      const there = await repository.store.serverTime?.({ signal: context.signal });
      const skewMs = there === undefined ? 0 : there - context.clock.now();
      if (Math.abs(skewMs) > maxSkewMs) {
        const text = `the store's clock is ${formatDuration(Math.abs(skewMs) / 1000)} ${skewMs > 0 ? "ahead" : "behind"}`;
        yield { level: "bad", about, text, next: "correct the clock: signatures and locks go by it" };
      }
    } finally {
      await repository.close();
    }
  } catch (error) {
    context.signal.throwIfAborted();
    yield failure(about, error);
  }
}
