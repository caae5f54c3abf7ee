import { type DumpFacts, LifeboatError } from "@lifeboat/model";

export interface DumpStreamParts {
  /** For errors: "shop on db1". */
  readonly place: string;
  readonly output: AsyncIterable<Uint8Array>;
  /** Looks at what passes; throws when it is no dump. */
  readonly inspect: (chunk: Uint8Array) => void;
  /** After the last byte: awaits the programs' own verdict and the dump's end; throws when the dump is not whole. */
  readonly settle: () => Promise<DumpFacts>;
  /** Ends every program that takes part; harmless for those that have ended. */
  readonly kill: () => void;
}

/**
 * What all dumps share: the bytes are handed on as they come, and `finished` settles after the last one, by what the programs say and by
 * how the dump ends. A reader that breaks off, and whatever fails on the way, ends the programs and rejects `finished`.
 */
export function openDumpStream({ place, output, inspect, settle, kill }: DumpStreamParts): {
  readonly stream: AsyncIterable<Uint8Array>;
  readonly finished: Promise<DumpFacts>;
} {
  const finished = Promise.withResolvers<DumpFacts>();
  finished.promise.catch(() => undefined);
  const stream = async function* () {
    let done = false;
    try {
      for await (const chunk of output) {
        inspect(chunk);
        yield chunk;
      }
      done = true;
    } catch (error) {
      finished.reject(error);
      throw error;
    } finally {
      if (!done) {
        finished.reject(new LifeboatError("dump-failed", `the dump of ${place} was not read to its end`));
        kill();
      }
    }
    settle().then(finished.resolve, (error: unknown) => {
      kill();
      finished.reject(error);
    });
  };
  return { stream: stream(), finished: finished.promise };
}
