import type { ByteString, FileEntry, Machine, ReadEvent } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { isSameFile, statNow } from "./after-check.ts";
import { commandFailure } from "./command-failure.ts";
import { type Complaint, parseComplaints } from "./complaints.ts";
import { feedNames } from "./feed-names.ts";
import type { OwnerNames } from "./owner-names.ts";
import { ReadEvents } from "./read-events.ts";
import { readCommand } from "./remote-commands.ts";
import { splitHoles } from "./split-holes.ts";
import { TarReader } from "./tar-reader/tar-reader.ts";

export interface ReadContext {
  readonly machine: Machine;
  readonly names: OwnerNames;
  readonly sudo: boolean;
  readonly signal: AbortSignal;
}

const maxComplaintBytes = 4 * 1024 * 1024;

/** One tar stream over `entries`, then one batch of stats that says for each whether what was read is what was listed. */
export async function* readFiles(
  context: ReadContext,
  entries: readonly FileEntry[],
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  if (entries.length === 0) return;
  const events = new ReadEvents(entries);
  const paths = entries.filter((entry) => entry.type !== "socket").map((entry) => entry.path);
  const complaints = paths.length === 0 ? [] : yield* readArchive(context, paths, events);
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
  if (entries.length > 0) yield await verdictsOf(context, entries, [], () => true);
}

async function verdictsOf(
  { machine, names, sudo, signal }: ReadContext,
  entries: readonly FileEntry[],
  complaints: readonly Complaint[],
  wasRead: (index: number) => boolean,
): Promise<ReadEvent[]> {
  const after = await statNow(
    machine,
    entries.map((entry) => entry.path),
    { sudo, signal },
  );
  const seen = after.now.filter((entry) => entry !== undefined);
  await names.fill(seen, signal);
  const fromTar = byPath(complaints);
  const fromFind = byPath(after.complaints);
  return entries.map((entry, index) => {
    const detail = fromTar.get(entry.path);
    return verdictFor(index, entry, after.now[index], wasRead(index), detail, fromFind.get(entry.path));
  });
}

/** Yields the content; returns what tar complained about. */
async function* readArchive(
  context: ReadContext,
  paths: readonly ByteString[],
  events: ReadEvents,
): AsyncGenerator<readonly ReadEvent[], readonly Complaint[], undefined> {
  const { machine, sudo, signal } = context;
  const command = await machine.run(readCommand(), { sudo, signal, maxStderrBytes: maxComplaintBytes });
  const feeding = feedNames(command, paths);
  const reader = new TarReader(events);
  let ended = false;
  let hasDoubt = false;
  let complaintsBefore = 0;
  try {
    for await (const chunk of command.stdout) {
      // Before the bytes: whoever trusts what lies well behind what has come must know it first.
      const words: string = hasDoubt ? "" : command.stderr();
      if (words.length > complaintsBefore) {
        complaintsBefore = words.length;
        hasDoubt = !isHarmless(words);
        if (hasDoubt) yield [{ kind: "doubt" }];
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
  // 1: files changed while they were read, 2: some could not be read; both are told by the check that follows.
  if ((status !== 0 && status !== 1 && status !== 2) || !reader.complete) {
    throw commandFailure("tar", machine.name, status, command.stderr());
  }
  const { complaints, others } = parseComplaints("tar", command.stderr());
  if (others.some((line) => line.startsWith("... "))) {
    throw new LifeboatError("host-garbage", `tar on ${machine.name} complains without end: ${others.slice(0, 3).join("; ")}`);
  }
  return complaints;
}

/** True when tar has read nothing of what it complains about, so that no content is wrong. Asked again and again: long ones never are. */
function isHarmless(stderr: string): boolean {
  if (stderr.length > 64 * 1024) return false;
  const { complaints, others } = parseComplaints("tar", stderr);
  return (
    others.length === 0 &&
    complaints.every(({ message }) => /^((Warning: )?Cannot (open|stat|\w*xattr\w*): |File removed )/.test(message))
  );
}

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

function byPath(complaints: readonly Complaint[]): Map<ByteString, string> {
  const map = new Map<ByteString, string>();
  for (const { path, message } of complaints) {
    const earlier = map.get(path);
    map.set(path, earlier === undefined ? message : `${message}; ${earlier}`.slice(0, 500));
  }
  return map;
}
