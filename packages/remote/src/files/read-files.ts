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

/** What tar said, over all archives of one reading. */
interface Said {
  /** About which path. */
  readonly complaints: Map<ByteString, string>;
  /** It was told that there is any. */
  hasDoubt: boolean;
}

/** What came of the entries. */
interface Taken {
  wasRead(index: number): boolean;
  refusalOf(index: number): string | undefined;
}

/**
 * One tar stream over `entries`, then one batch of stats that says for each whether what was read is what was listed. A file of which
 * tar sends without end ends its stream, and those behind it get another.
 */
export async function* readFiles(
  context: ReadContext,
  entries: readonly FileEntry[],
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  if (entries.length === 0) return;
  const events = new ReadEvents(entries);
  const said: Said = { complaints: new Map(), hasDoubt: false };
  let isCut = true;
  while (isCut) {
    const left = events.leaveArchive().filter((entry) => entry.type !== "socket");
    const paths = left.map((entry) => entry.path);
    isCut = paths.length > 0 && (yield* readArchive(context, paths, events, said));
  }
  events.finish();
  const rest = events.take();
  if (rest.length > 0) yield rest;
  yield await verdictsOf(context, entries, said.complaints, events);
}

/** Only the look that `readFiles` takes after the content, for entries of which all of it came and tar had nothing to complain about. */
export async function* lookAgain(
  context: ReadContext,
  entries: readonly FileEntry[],
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  const taken: Taken = { wasRead: () => true, refusalOf: () => undefined };
  if (entries.length > 0) yield await verdictsOf(context, entries, new Map(), taken);
}

async function verdictsOf(
  { machine, names, sudo, signal }: ReadContext,
  entries: readonly FileEntry[],
  fromTar: ReadonlyMap<ByteString, string>,
  taken: Taken,
): Promise<ReadEvent[]> {
  const after = await statNow(
    machine,
    entries.map((entry) => entry.path),
    { sudo, signal },
  );
  const seen = after.now.filter((entry) => entry !== undefined);
  await names.fill(seen, signal);
  return entries.map((entry, index) => {
    const now = after.now[index];
    const refusal = taken.refusalOf(index);
    if (refusal !== undefined && now !== undefined && sizeProblem(now) === undefined) {
      if (isSameFile(entry, now)) return { kind: "verdict", index, verdict: "unreadable", detail: refusal };
      return { kind: "verdict", index, verdict: "changed", now, detail: refusal };
    }
    return verdictFor(index, entry, now, taken.wasRead(index), fromTar.get(entry.path), after.complaints.get(entry.path));
  });
}

/** Yields the content; true when the archive was ended before its time, and what is left needs another. */
async function* readArchive(
  context: ReadContext,
  paths: readonly ByteString[],
  events: ReadEvents,
  said: Said,
): AsyncGenerator<readonly ReadEvent[], boolean, undefined> {
  const { machine, sudo, signal } = context;
  const { complaints } = said;
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
  const isDoubtNew = () => !said.hasDoubt && (!isHarmless || complaintReader.isWithin || complaintReader.others.length > 0);
  let ended = false;
  try {
    for await (const chunk of command.stdout) {
      // Before the bytes: whoever trusts what lies well behind what has come must know it first.
      if (isDoubtNew()) {
        said.hasDoubt = true;
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
      if (events.isStuck) break;
    }
    ended = !events.isStuck;
  } finally {
    if (!ended) command.kill();
  }
  const [{ status }] = await Promise.all([command.exit, feeding]);
  signal.throwIfAborted();
  if (isEndless()) throw new LifeboatError("host-garbage", `tar on ${machine.name} complains without end`);
  if (!ended) {
    complaintReader.end();
    if (isDoubtNew()) {
      said.hasDoubt = true;
      yield [{ kind: "doubt" }];
    }
    return true;
  }
  // 1: files changed while they were read, 2: some could not be read; both are told by the check that follows.
  if ((status !== 0 && status !== 1 && status !== 2) || !reader.complete) {
    throw commandFailure("tar", machine.name, status, command.stderr());
  }
  complaintReader.end();
  return false;
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
