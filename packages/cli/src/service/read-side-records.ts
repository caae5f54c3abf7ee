import type { Repository } from "@lifeboat/engine";
import { isLifeboatError, type Logger, messageOf } from "@lifeboat/model";
import { countOf } from "../output/format-size.ts";

/** So many records are read from one repository; more than a year of a busy installation would take minutes. */
const maxRecords = 20_000;
const parallel = 8;

export interface SideRecords<T> {
  readonly values: readonly T[];
  /** What is missing, in words; undefined when every record was read. */
  readonly missing: string | undefined;
}

/** Records of one kind, in any order: their names are hashes, so where there are too many it is chance which ones are read. */
export async function readSideRecords<T>(
  repository: Repository,
  kind: "run" | "evidence",
  { signal, logger, limit = maxRecords }: { readonly signal: AbortSignal; readonly logger: Logger; readonly limit?: number },
): Promise<SideRecords<T>> {
  const all = await repository.listSide(kind, { signal });
  const ids = all.slice(0, limit);
  const values: T[] = [];
  let broken = 0;
  let next = 0;
  const read = async () => {
    while (next < ids.length) {
      signal.throwIfAborted();
      const id = ids[next++]!;
      try {
        values.push((await repository.loadSide(kind, id, { signal })) as T);
      } catch (error) {
        // Removed since it was listed: it is no record any more.
        if (isLifeboatError(error, "object-missing")) continue;
        broken++;
        logger.warn({ id, cause: messageOf(error) }, `a record of kind ${kind} cannot be read`);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, read));
  const missing = [
    all.length > ids.length && `only ${ids.length} of ${countOf(all.length, `${kind} record`)} were read, by chance`,
    broken > 0 && `${countOf(broken, `${kind} record`)} cannot be read`,
  ].filter((part) => part !== false);
  return { values, missing: missing.length === 0 ? undefined : missing.join(", ") };
}
