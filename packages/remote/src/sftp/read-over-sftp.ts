import type { ByteString, FileEntry, ReadEvent } from "@lifeboat/model";
import { isSameFile } from "../files/after-check.ts";
import { sizeProblem } from "../files/storable-size.ts";
import { FileReads } from "./file-reads.ts";
import { asStatus } from "./read-folder.ts";
import type { SftpClient } from "./sftp-client.ts";
import { entryOfAttributes, isLink } from "./sftp-entry.ts";
import { isGone, SftpStatus } from "./sftp-status.ts";

export interface SftpReadContext {
  readonly client: SftpClient;
  readonly machineName: string;
  readonly signal: AbortSignal;
}

type Now = FileEntry | SftpStatus;

const noExtras = { xattrs: [] };
const maxVerdictsAtOnce = 1000;

/** As the contract of `FileSource` says. Whether a file is still the one that was listed is asked after its last byte came. */
export async function* readOverSftp(
  context: SftpReadContext,
  entries: readonly FileEntry[],
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  const { client, signal } = context;
  const reads = new FileReads(
    client,
    entries.filter(({ type }) => type === "file"),
  );
  const nows: Promise<Now>[] = [];
  const failures = new Map<number, string>();
  for (const [index, entry] of entries.entries()) {
    signal.throwIfAborted();
    if (entry.type === "file") yield* readOne(reads, index, entry, failures);
    else if (entry.type === "dev" || entry.type === "chardev") failures.set(index, "SFTP does not tell a device's number");
    else
      yield [
        { kind: "start", index, extras: noExtras },
        { kind: "end", index },
      ];
    const now = lookAt(context, entry.path);
    now.catch(() => undefined);
    nows.push(now);
    // Not more of them in flight than there is room for requests beside the content.
    if (index >= maxVerdictsAtOnce) await nows[index - maxVerdictsAtOnce];
  }
  const verdicts: ReadEvent[] = [];
  for (const [index, entry] of entries.entries()) {
    verdicts.push(verdictFor(index, entry, (await nows[index]) as Now, failures.get(index)));
  }
  signal.throwIfAborted();
  yield verdicts;
}

async function* readOne(
  reads: FileReads,
  index: number,
  entry: FileEntry,
  failures: Map<number, string>,
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  const content = reads.read(entry);
  let got = 0;
  let started = false;
  for (;;) {
    const next = await content.next();
    if (next.done === true) {
      const failure = next.value;
      if (failure !== undefined) failures.set(index, failure.message);
      else if (got < entry.size) failures.set(index, `ended after ${got} of ${entry.size} bytes`);
      if (failure !== undefined && !started) return;
      if (!started) yield [{ kind: "start", index, extras: noExtras }];
      yield [{ kind: "end", index }];
      return;
    }
    if (!started) yield [{ kind: "start", index, extras: noExtras }];
    started = true;
    got += next.value.length;
    yield [{ kind: "data", index, bytes: next.value }];
  }
}

async function lookAt({ client, machineName }: SftpReadContext, path: ByteString): Promise<Now> {
  const attributes = await client.lstat(path).catch(asStatus);
  if (attributes instanceof SftpStatus) return attributes;
  const target = isLink(attributes) ? await client.readLink(path).catch(asStatus) : undefined;
  if (target instanceof SftpStatus) return target;
  return entryOfAttributes(path, attributes, machineName, target);
}

function verdictFor(index: number, listed: FileEntry, now: Now, failure: string | undefined): ReadEvent {
  if (now instanceof SftpStatus) {
    const verdict = isGone(now) ? "vanished" : "unreadable";
    return { kind: "verdict", index, verdict, detail: failure ?? now.message };
  }
  const tooLarge = sizeProblem(now);
  if (tooLarge !== undefined) return { kind: "verdict", index, verdict: "unreadable", detail: tooLarge.detail };
  if (!isSameFile(listed, now) || listed.linkTarget !== now.linkTarget) {
    return { kind: "verdict", index, verdict: "changed", now, ...(failure !== undefined && { detail: failure }) };
  }
  if (failure !== undefined) return { kind: "verdict", index, verdict: "unreadable", detail: failure };
  return { kind: "verdict", index, verdict: "same" };
}
