import type { ByteString, FileEntry, Machine, ReadEvent } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { isSameFile, statNow } from "./after-check.ts";
import { commandFailure } from "./command-failure.ts";
import { ComplaintReader } from "./complaint-reader.ts";
import { feedNames } from "./feed-names.ts";
import type { OwnerNames } from "./owner-names.ts";
import { ReadEvents } from "./read-events.ts";
import { readCommand } from "./remote-commands.ts";
import { splitHoles } from "./split-holes.ts";
import { sizeProblem } from "./storable-size.ts";
import { TarReader } from "./tar-reader/tar-reader.ts";

export interface ReadContext {
  readonly machine: Machine;
  readonly names: OwnerNames;
  readonly sudo: boolean;
  readonly signal: AbortSignal;
}

/** More about each path than tar ever has to say, and something for what is about none. */
const maxComplaintsPerPath = 64;
const maxOtherBytes = 4 * 1024 * 1024;
const maxWords = 500;

/** What tar said about which path. */
type Complaints = ReadonlyMap<ByteString, string>;

const noComplaints: Complaints = new Map();

/** One tar stream over `entries`, then one batch of stats that says for each whether what was read is what was listed. */
export async function* readFiles(
  context: ReadContext,
  entries: readonly FileEntry[],
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  if (entries.length === 0) return;
  const events = new ReadEvents(entries);
  const paths = entries.filter((entry) => entry.type !== "socket").map((entry) => entry.path);
  const complaints = paths.length === 0 ? noComplaints : yield* readArchive(context, paths, events);
  events.finish();
  const rest = events.take();
  if (rest.length > 0) yield rest;
  yield await verdictsOf(context, entries, complaints, (index) => events.wasRead(index));
}

/** Only the look that `readFiles` takes after the content, for entries of which all of it came and tar had nothing to complain about. */
export async function* lookAgain(
  context: ReadContext,
  entries: readonly FileEntry[],
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  if (entries.length > 0) yield await verdictsOf(context, entries, noComplaints, () => true);
}

async function verdictsOf(
  { machine, names, sudo, signal }: ReadContext,
  entries: readonly FileEntry[],
  fromTar: Complaints,
  wasRead: (index: number) => boolean,
): Promise<ReadEvent[]> {
  const after = await statNow(
    machine,
    entries.map((entry) => entry.path),
    { sudo, signal },
  );
  const seen = after.now.filter((entry) => entry !== undefined);
  await names.fill(seen, signal);
  return entries.map((entry, index) => {
    const detail = fromTar.get(entry.path);
    return verdictFor(index, entry, after.now[index], wasRead(index), detail, after.complaints.get(entry.path));
  });
}

/** Yields the content; returns what tar complained about. */
async function* readArchive(
  context: ReadContext,
  paths: readonly ByteString[],
  events: ReadEvents,
): AsyncGenerator<readonly ReadEvent[], Complaints, undefined> {
  const { machine, sudo, signal } = context;
  const complaints = new Map<ByteString, string>();
  const asked = new Set(paths);
  let isHarmless = true;
  const complaintReader = new ComplaintReader("tar", ({ path, message }) => {
    isHarmless &&= harmless.test(message);
    if (!asked.has(path)) return;
    const earlier = complaints.get(path);
    complaints.set(path, earlier === undefined ? message : `${message}; ${earlier}`.slice(0, maxWords));
  });
  const maxComplaintBytes =
    maxOtherBytes + maxComplaintsPerPath * paths.reduce((sum, path) => sum + 4 * path.length + maxWords, 0);
  const isEndless = () => complaintReader.bytes > maxComplaintBytes;
  let stop = () => {};
  const command = await machine.run(readCommand(), {
    sudo,
    signal,
    complained(bytes) {
      complaintReader.push(bytes);
      if (isEndless()) stop();
    },
  });
  stop = command.kill;
  const feeding = feedNames(command, paths);
  const reader = new TarReader(events);
  let ended = false;
  let hasDoubt = false;
  try {
    for await (const chunk of command.stdout) {
      // Before the bytes: whoever trusts what lies well behind what has come must know it first.
      if (!hasDoubt && (!isHarmless || complaintReader.isWithin || complaintReader.others.length > 0)) {
        hasDoubt = true;
        yield [{ kind: "doubt" }];
      }
      try {
        reader.push(chunk);
      } catch (error) {
        throw new LifeboatError("host-garbage", `the tar stream of ${machine.name} holds ${messageOf(error)}`, { cause: error });
      }
      for (const batch of splitHoles(events.take())) {
        signal.throwIfAborted();
        yield batch;
      }
    }
    ended = true;
  } finally {
    if (!ended) command.kill();
  }
  const [{ status }] = await Promise.all([command.exit, feeding]);
  signal.throwIfAborted();
  if (isEndless()) throw new LifeboatError("host-garbage", `tar on ${machine.name} complains without end`);
  // 1: files changed while they were read, 2: some could not be read; both are told by the check that follows.
  if ((status !== 0 && status !== 1 && status !== 2) || !reader.complete) {
    throw commandFailure("tar", machine.name, status, command.stderr());
  }
  complaintReader.end();
  return complaints;
}

/** tar has read nothing of what it complains about so, and no content is wrong. */
const harmless = /^((Warning: )?Cannot (open|stat|\w*xattr\w*): |File removed )/;

function verdictFor(
  index: number,
  listed: FileEntry,
  now: FileEntry | undefined,
  wasRead: boolean,
  fromTar: string | undefined,
  fromFind: string | undefined,
): ReadEvent {
  const detail = fromTar ?? fromFind;
  const withDetail = detail === undefined ? {} : { detail };
  if (now === undefined) {
    const verdict = detail !== undefined && !/No such file|File removed/.test(detail) ? "unreadable" : "vanished";
    return { kind: "verdict", index, verdict, ...withDetail };
  }
  const tooLarge = sizeProblem(now);
  if (tooLarge !== undefined) return { kind: "verdict", index, verdict: "unreadable", detail: tooLarge.detail };
  const same = isSameFile(listed, now);
  if (!wasRead) {
    if (!same && /No such file|File removed/.test(detail ?? ""))
      return { kind: "verdict", index, verdict: "changed", now, ...withDetail };
    return { kind: "verdict", index, verdict: "unreadable", detail: detail ?? "tar left it out" };
  }
  if (!same) return { kind: "verdict", index, verdict: "changed", now, ...withDetail };
  // A read error in the middle is padded with zeros by tar, and the file's times do not show it.
  if (fromTar !== undefined && !/^(file changed as we read it|Warning: )/.test(fromTar)) {
    return { kind: "verdict", index, verdict: "unreadable", detail: fromTar };
  }
  return { kind: "verdict", index, verdict: "same", ...withDetail };
}
