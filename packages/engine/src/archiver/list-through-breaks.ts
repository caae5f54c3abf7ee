import { type FileEntry, type FileSource, LifeboatError, type SourceProblem } from "@lifeboat/model";
import { ListingPlace } from "./listing-place.ts";
import type { Reconnects } from "./reconnects.ts";

/** Problems of a listing that broke, so that the next one does not tell them again; more are told twice. */
const maxProblemsRemembered = 10_000;

interface ListOptions {
  readonly source: FileSource;
  readonly signal: AbortSignal;
  readonly reconnects: Reconnects;
  readonly problem: (problem: SourceProblem) => void;
}

/**
 * The source's listing. When the connection breaks in it, the source is listed again and what was listed before is passed over; where it
 * is not the same any more (a name came or went in a folder that was under way) that is the end, and the next run goes on from the checkpoint.
 */
export async function* listThroughBreaks(options: ListOptions): AsyncGenerator<readonly FileEntry[], void, undefined> {
  const { source, signal, reconnects } = options;
  const place = new ListingPlace();
  const told = new Set<string>();
  const problem = (one: SourceProblem) => {
    const key = `${one.kind} ${one.path}`;
    if (told.has(key)) return;
    if (told.size < maxProblemsRemembered) told.add(key);
    options.problem(one);
  };
  for (;;) {
    const replay = place.replay();
    let isSame = true;
    let broke: { readonly error: unknown } | undefined;
    try {
      for await (const entries of source.list({ signal, problem })) {
        const fresh = replay.fresh(entries);
        isSame = fresh !== undefined;
        if (fresh === undefined) break;
        for (const entry of fresh) place.enter(entry);
        if (fresh.length > 0) {
          reconnects.progress();
          yield fresh;
        }
      }
    } catch (error) {
      broke = { error };
    }
    if (broke !== undefined) await reconnects.after(broke.error);
    else if (isSame && replay.isDone) return;
    else {
      throw new LifeboatError(
        "connection-lost",
        `the connection broke while ${source.name} was listed, and what was listed changed before it could be listed again`,
      );
    }
  }
}
