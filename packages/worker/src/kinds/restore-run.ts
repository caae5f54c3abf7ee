import { findSnapshot } from "@lifeboat/engine";
import { createRunRecord, findAsset, openChosenRepository, runRestore } from "@lifeboat/jobs";
import { byteString, LifeboatError } from "@lifeboat/model";
import type { RunKindHandler } from "../run-work.ts";

/** What `restore --detach` leaves in the catalog for the worker. */
export interface RestoreRequest {
  /** As in `ASSET@WHEN`. */
  readonly when: string;
  /** Absolute paths in the snapshot; empty: everything. */
  readonly paths: readonly string[];
  /** Host of the config; null: the worker's own disk. */
  readonly host: string | null;
  readonly folder: string;
  readonly verify: "metadata" | "content";
}

export const restoreRun: RunKindHandler = async ({ context, order, run, worker }) => {
  const request = parseRequest(run.request);
  const { policy } = findAsset(context, run.object);
  const started = context.clock.now();
  const repository = await openChosenRepository(context, { name: policy.repository });
  try {
    const snapshots = await repository.listSnapshots({
      signal: context.signal,
      onDamaged: (id, error) => context.logger.warn({ snapshot: id, error: error.message }, "a snapshot is damaged and left out"),
    });
    const { snapshot } = findSnapshot(
      snapshots,
      { when: request.when },
      { asset: run.object, now: context.clock.now(), timezone: order.timezone },
    );
    const outcome = await runRestore(context, {
      repository,
      snapshot,
      include: request.paths.map(byteString),
      host: request.host ?? undefined,
      folder: byteString(request.folder),
      verify: request.verify,
    });
    const differences = outcome.problemCount + outcome.verification.differenceCount;
    const first = outcome.problems[0]?.detail ?? outcome.verification.differences[0]?.detail;
    const end = {
      result: differences === 0 ? ("passed" as const) : ("incomplete" as const),
      repository: policy.repository,
      snapshot: snapshot.id,
      figures: { files: outcome.files, bytes: outcome.bytes, differences, files_read_back: outcome.verification.filesRead },
      cause: differences === 0 ? undefined : `${differences} differences from the snapshot, first: ${first}`,
    };
    worker.jobs.logger.info({ run: run.id, folder: request.folder }, "restored");
    return { record: createRunRecord(order, started, context.clock, end), error: undefined };
  } finally {
    await repository.close();
  }
};

function parseRequest(text: string | null): RestoreRequest {
  const request = JSON.parse(text ?? "null") as Partial<RestoreRequest> | null;
  if (typeof request?.when !== "string" || typeof request.folder !== "string" || !request.folder.startsWith("/")) {
    throw new LifeboatError("usage", "a restore was ordered without saying what goes where");
  }
  return { paths: [], host: null, verify: "metadata", ...request } as RestoreRequest;
}
