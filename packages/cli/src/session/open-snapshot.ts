import { findShownPath, findSnapshot, parseSnapshotAddress, type Repository, type Snapshot } from "@lifeboat/engine";
import { type JobContext, openChosenRepository } from "@lifeboat/jobs";
import type { ProgressListener } from "@lifeboat/model";
import { type ByteString, byteString, type CompiledConfig } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { sourceOfSnapshot } from "../output/describe-snapshot.ts";
import { formatMoment } from "../output/format-time.ts";
import { chooseRepository, repositoryOfAsset } from "./choose-repository.ts";
import { openJobContext } from "./open-job-context.ts";
import { type Session, timeZoneOf } from "./session.ts";
import { tellDamagedSnapshot } from "./tell-damaged-snapshot.ts";

export interface OpenedSnapshot extends AsyncDisposable {
  readonly config: CompiledConfig | undefined;
  readonly context: JobContext;
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  /** The `:PATH` of the address, absolute; undefined: none was given. */
  readonly path: ByteString | undefined;
  readonly timezone: string;
  /** A path in the snapshot as a person gives it, also as it was shown. */
  pathOf(text: string): Promise<ByteString>;
}

/** Opens the repository that the address belongs to and finds its snapshot. The address is `ASSET@WHEN:PATH` or a part of it. */
export async function openSnapshot(
  session: Session,
  values: OptionValues,
  address: string,
  progress?: ProgressListener,
): Promise<OpenedSnapshot> {
  const { asset, path } = parseSnapshotAddress(address);
  const { config, choice } = await chooseRepository(session, values, repositoryOfAsset(asset));
  const context = openJobContext(session, { config, writes: false, progress });
  const repository = await openChosenRepository(context, choice);
  try {
    const timezone = timeZoneOf(config);
    const snapshot = await pickSnapshot(session, values, repository, address, timezone);
    const pathOf = (text: string) => findShownPath(repository, snapshot.tree, byteString(text), { signal: session.signal });
    return {
      config,
      context,
      repository,
      snapshot,
      path: path === undefined ? undefined : await pathOf(path),
      timezone,
      pathOf,
      [Symbol.asyncDispose]: () => repository.close(),
    };
  } catch (error) {
    await repository.close();
    throw error;
  }
}

/** Says which one it took when the person named no id. */
export async function pickSnapshot(
  session: Session,
  values: OptionValues,
  repository: Repository,
  address: string,
  timezone: string,
): Promise<Snapshot> {
  const tell = tellDamagedSnapshot(session);
  let damaged = 0;
  const onDamaged: typeof tell = (id, error) => {
    damaged++;
    tell(id, error);
  };
  const snapshots = await repository.listSnapshots({ signal: session.signal, onDamaged });
  const now = session.clock.now();
  const filter = { host: values.text("host"), tags: values.texts("tag"), now, timezone };
  const { snapshot, isNamed, othersThatDay } = findSnapshot(snapshots, address, filter);
  // The one that was meant may be among them: what is done with this one is no full success.
  if (damaged > 0 && !isNamed) {
    session.isIncomplete = true;
    session.output.note(`! '${address}' may mean one that cannot be read; taken is what fits of the others`);
  }
  const of = sourceOfSnapshot(snapshot);
  const last = othersThatDay === 0 ? "" : `, the last of ${othersThatDay + 1} of that day`;
  session.say(`snapshot ${snapshot.id.slice(0, 8)} of ${of}, ${formatMoment(Date.parse(snapshot.time), timezone)}${last}`);
  return snapshot;
}

/** Filters of commands that take a snapshot. */
export const snapshotFilterOptions = [
  { flags: "--host <HOST>", description: "only snapshots of this host" },
  { flags: "--tag <TAG...>", description: "only snapshots with this tag" },
] as const;
