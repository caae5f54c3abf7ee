import {
  type ExtendedAttribute,
  type FileEntry,
  type FileExtras,
  type FileRanges,
  fromBytes,
  LifeboatError,
  pageBytes,
  pageHashBytes,
  type RangesVerdict,
  type RunningCommand,
} from "@lifeboat/model";
import { isSameFile, statNow } from "./after-check.ts";
import { RangeAnswers } from "./range-answers.ts";
import type { RangeProgramName } from "./range-programs.ts";
import { type ReadContext, readFiles } from "./read-files.ts";
import { rangesCommand } from "./remote-commands.ts";

const maxAnswerBytes = 16 * 1024 * 1024;
const maxXattrBytes = 1024 * 1024;
const maxFirstLineBytes = 80;
/** The program said so of this file; with any other status it is the program that is of no use. */
const declinedStatuses: Readonly<Record<number, string>> = {
  20: "it is not there any more, no regular file, or cannot be read",
  21: "it has many holes, which are better read as such",
};

/** Which program the host has for it: learnt with the first file, kept as long as the source. */
export class RangePrograms {
  #left: readonly RangeProgramName[] = ["python3", "perl"];

  get best(): RangeProgramName | undefined {
    return this.#left[0];
  }

  isOfNoUse(name: RangeProgramName): void {
    this.#left = this.#left.filter((other) => other !== name);
  }
}

/** One file on a host, by the first program there that can answer; or why there is none. Rejects when the connection is lost. */
export async function openRanges(
  context: ReadContext,
  programs: RangePrograms,
  entry: FileEntry,
  knownBytes: number,
): Promise<FileRanges | { readonly declined: string }> {
  let reason = "the host has neither python3 nor perl with Digest::SHA that may be used";
  for (let name = programs.best; name !== undefined; name = programs.best) {
    const opened = await openWith(context, name, entry, knownBytes);
    if (!("useless" in opened)) return opened;
    reason += `; ${name}: ${opened.useless}`;
    programs.isOfNoUse(name);
  }
  return { declined: reason };
}

async function openWith(
  context: ReadContext,
  name: RangeProgramName,
  entry: FileEntry,
  knownBytes: number,
): Promise<FileRanges | { readonly declined: string } | { readonly useless: string }> {
  const { machine, sudo, signal } = context;
  const command = await machine.run(rangesCommand(name), { sudo, signal });
  const answers = new RangeAnswers(command, `${name} on ${machine.name}`);
  let opened = false;
  try {
    // Refused when the program has ended already: its status says why.
    await command.write(Buffer.from(`${entry.path}\0${knownBytes}\0`, "latin1")).catch(() => {});
    const line = await answers.firstLine(maxFirstLineBytes);
    const match = /^ranges1 ([0-9]{1,20}) (-|[0-9]{1,7})$/.exec(line ?? "");
    if (match === null) {
      if (!answers.hasEnded) return { useless: "it says something else" };
      const { status } = await command.exit;
      signal.throwIfAborted();
      if (answers.lost !== undefined) throw answers.lost;
      const declined = declinedStatuses[status ?? -1];
      if (declined !== undefined) return { declined };
      return { useless: command.stderr().trim().slice(0, 300) || `it ended with status ${status}` };
    }
    if (match[1] !== entry.inode) return { declined: "another file stands in its place" };
    const extras = await readExtras(context, entry, answers, match[2]!);
    if (extras === undefined) return { declined: "its extended attributes cannot be had" };
    opened = true;
    return new OpenRanges(context, entry, command, answers, extras);
  } finally {
    if (!opened) command.kill();
  }
}

async function readExtras(
  context: ReadContext,
  entry: FileEntry,
  answers: RangeAnswers,
  told: string,
): Promise<FileExtras | undefined> {
  if (told === "-") return readHeader(context, entry);
  const length = Number(told);
  return length > maxXattrBytes ? undefined : { xattrs: parseXattrs(await answers.expect(length)) };
}

/** tar's header alone, where the program cannot tell attributes: what tar has sent of the content meanwhile, 2 MiB at most, is lost. */
async function readHeader(context: ReadContext, entry: FileEntry): Promise<FileExtras | undefined> {
  for await (const events of readFiles(context, [entry])) {
    for (const event of events) if (event.kind === "start") return event.extras;
  }
  return undefined;
}

/** Length of the name, of the value, both as 32 bits; the name, the value; and so on. */
function parseXattrs(bytes: Buffer): ExtendedAttribute[] {
  const xattrs: ExtendedAttribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const nameAt = at + 8;
    const valueAt = nameAt + (nameAt <= bytes.length ? bytes.readUInt32BE(at) : 0);
    const end = valueAt + (nameAt <= bytes.length ? bytes.readUInt32BE(at + 4) : 0);
    if (valueAt === nameAt || end > bytes.length) throw new LifeboatError("host-garbage", "extended attributes cannot be read");
    xattrs.push({ name: fromBytes(bytes.subarray(nameAt, valueAt)), value: Uint8Array.from(bytes.subarray(valueAt, end)) });
    at = end;
  }
  return xattrs;
}

class OpenRanges implements FileRanges {
  readonly extras: FileExtras;
  readonly #context: ReadContext;
  readonly #entry: FileEntry;
  readonly #command: RunningCommand;
  readonly #answers: RangeAnswers;

  constructor(context: ReadContext, entry: FileEntry, command: RunningCommand, answers: RangeAnswers, extras: FileExtras) {
    this.#context = context;
    this.#entry = entry;
    this.#command = command;
    this.#answers = answers;
    this.extras = extras;
  }

  hash(offset: number, length: number): Promise<Uint8Array> {
    return this.#ask("h", offset, length, 32);
  }

  hashPages(offset: number, length: number): Promise<Uint8Array> {
    const pages = Math.floor((offset + length - 1) / pageBytes) - Math.floor(offset / pageBytes) + 1;
    return this.#ask("p", offset, length, pages * pageHashBytes);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#ask("r", offset, length, length);
  }

  async finish(): Promise<RangesVerdict> {
    const { machine, names, sudo, signal } = this.#context;
    this.#command.endInput();
    const [isClean, { status }] = await Promise.all([this.#answers.end(), this.#command.exit]);
    signal.throwIfAborted();
    if (!isClean || status !== 0) {
      throw new LifeboatError(
        "host-garbage",
        `the program for ranges on ${machine.name} ended with status ${status} or said too much`,
      );
    }
    const [now] = (await statNow(machine, [this.#entry.path], { sudo, signal })).now;
    if (now === undefined) return { verdict: "vanished" };
    await names.fill([now], signal);
    return { verdict: isSameFile(this.#entry, now) ? "same" : "changed", now };
  }

  close(): void {
    this.#answers.fail(new LifeboatError("cancelled", "the ranges were closed"));
    this.#command.kill();
  }

  #ask(kind: "h" | "p" | "r", offset: number, length: number, answerBytes: number): Promise<Uint8Array> {
    if (answerBytes > maxAnswerBytes) throw new RangeError(`an answer of ${answerBytes} bytes`);
    const answer = this.#answers.expect(answerBytes);
    // A write that is refused is told better by the answer that does not come.
    this.#command
      .write(Buffer.from(`${kind} ${offset} ${length}\0`, "latin1"))
      .catch((error: unknown) => this.#answers.fail(error));
    return answer;
  }
}
