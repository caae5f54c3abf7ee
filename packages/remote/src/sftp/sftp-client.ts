import type { ByteString, Clock, Machine, RunningCommand } from "@lifeboat/model";
import { isLifeboatError, LifeboatError, messageOf, toBytes } from "@lifeboat/model";
import { PacketSplitter } from "./packet-splitter.ts";
import { encodePacket, type PacketField, PacketFields, packetTypes, type SftpAttributes } from "./sftp-packets.ts";
import { SftpStatus, statusCodes } from "./sftp-status.ts";

const maxRequestsInFlight = 64;
/** What every server answers in one piece; OpenSSH says by itself when it can do more. */
const usualReadBytes = 32 * 1024;
const largestReadBytes = 255 * 1024;
/** A server that answers nothing for twice this long, while it was asked something, is given up. */
const silenceMilliseconds = 60_000;
/** How long after a failed write the reason of a server's end may come. */
const endingMilliseconds = 30_000;
const forReading = 1;
const noAttributes = 0;

export interface SftpName {
  readonly name: ByteString;
  readonly attributes: SftpAttributes;
}

interface Waiting {
  readonly wanted: number;
  readonly resolve: (fields: PacketFields) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One SFTP session, read-only, with many requests in flight. A request rejects with `SftpStatus` for the server's no; with
 * a LifeboatError, and all others with it, when the session is over (`connection-lost`, `host-garbage`, `command-failed`).
 */
export class SftpClient {
  readonly #machine: Machine;
  readonly #command: RunningCommand;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  readonly #queue: (() => void)[] = [];
  readonly #over = new AbortController();
  readonly #version = Promise.withResolvers<ReadonlySet<string>>();
  #inFlight = 0;
  #nextId = 0;
  #packets = 0;
  #failure: LifeboatError | undefined;
  #readBytes = usualReadBytes;

  private constructor(machine: Machine, command: RunningCommand, clock: Clock) {
    this.#machine = machine;
    this.#command = command;
    this.#clock = clock;
    this.#version.promise.catch(() => undefined);
  }

  /** Errors: `command-failed` when the machine has no SFTP. */
  static async open(machine: Machine, clock: Clock, signal: AbortSignal): Promise<SftpClient> {
    if (machine.openSubsystem === undefined) throw new LifeboatError("command-failed", `${machine.name} has no SFTP`);
    const client = new SftpClient(machine, await machine.openSubsystem("sftp", { signal }), clock);
    void client.#receive();
    void client.#watch();
    const stop = () => client.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await client.#greet();
      return client;
    } catch (error) {
      client.close();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** How much one `read` may ask for. */
  get readBytes(): number {
    return this.#readBytes;
  }

  get usable(): boolean {
    return this.#failure === undefined;
  }

  close(): void {
    this.#fail(new LifeboatError("connection-lost", `the SFTP session with ${this.#machine.name} was closed`));
  }

  lstat(path: ByteString): Promise<SftpAttributes> {
    return this.#ask(packetTypes.lstat, [toBytes(path)], packetTypes.attributes, (fields) => fields.attributes());
  }

  /** Follows links. */
  stat(path: ByteString): Promise<SftpAttributes> {
    return this.#ask(packetTypes.stat, [toBytes(path)], packetTypes.attributes, (fields) => fields.attributes());
  }

  readLink(path: ByteString): Promise<ByteString> {
    return this.#ask(packetTypes.readlink, [toBytes(path)], packetTypes.name, (fields) => {
      if (fields.uint32() !== 1) throw new RangeError("a link with several targets");
      return fields.name();
    });
  }

  openFolder(path: ByteString): Promise<Uint8Array> {
    return this.#ask(packetTypes.opendir, [toBytes(path)], packetTypes.handle, (fields) => fields.bytes());
  }

  /** The next names of a folder; undefined after the last ones. */
  readFolder(handle: Uint8Array): Promise<SftpName[] | undefined> {
    return this.#untilEnd(
      this.#ask(packetTypes.readdir, [handle], packetTypes.name, (fields) => {
        const names: SftpName[] = [];
        for (let left = fields.uint32(); left > 0; left--) {
          const name = fields.name();
          fields.bytes(); // as "ls -l" shows it, for people
          names.push({ name, attributes: fields.attributes() });
        }
        return names;
      }),
    );
  }

  openFile(path: ByteString): Promise<Uint8Array> {
    return this.#ask(packetTypes.open, [toBytes(path), forReading, noAttributes], packetTypes.handle, (fields) => fields.bytes());
  }

  /** At most `length` bytes, perhaps fewer; undefined at the file's end. The bytes belong to the caller. */
  read(handle: Uint8Array, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#untilEnd(
      this.#ask(packetTypes.read, [handle, BigInt(offset), length], packetTypes.data, (fields) => {
        const bytes = fields.bytes();
        if (bytes.length > 0 && bytes.length <= length) return Uint8Array.from(bytes);
        throw new RangeError(`${bytes.length} bytes where ${length} were asked for`);
      }),
    );
  }

  closeHandle(handle: Uint8Array): Promise<void> {
    return this.#ask(packetTypes.close, [handle], packetTypes.status, () => undefined);
  }

  async #greet(): Promise<void> {
    this.#write(encodePacket(packetTypes.init, [3]));
    const extensions = await this.#version.promise;
    if (!extensions.has("limits@openssh.com")) return;
    const name = Buffer.from("limits@openssh.com");
    const allowed = await this.#ask(packetTypes.extended, [name], packetTypes.extendedReply, (fields) => {
      fields.uint64(); // of a packet
      return fields.uint64();
    });
    if (allowed > 0) this.#readBytes = Math.min(largestReadBytes, allowed);
  }

  async #untilEnd<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof SftpStatus && error.code === statusCodes.endOfFile) return undefined;
      throw error;
    }
  }

  async #ask<T>(type: number, fields: readonly PacketField[], wanted: number, parse: (fields: PacketFields) => T): Promise<T> {
    const answer = await this.#request(type, fields, wanted);
    try {
      return parse(answer);
    } catch (error) {
      this.#fail(this.#garbage(messageOf(error)));
      throw this.#failure;
    }
  }

  async #request(type: number, fields: readonly PacketField[], wanted: number): Promise<PacketFields> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#inFlight >= maxRequestsInFlight) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#inFlight++;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const id = this.#nextId;
      this.#nextId = (id + 1) % 0x1_0000_0000;
      const answer = new Promise<PacketFields>((resolve, reject) => this.#waiting.set(id, { wanted, resolve, reject }));
      this.#write(encodePacket(type, [id, ...fields]));
      return await answer;
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#inFlight--;
      else next();
    }
  }

  /** What is written waits for the host; the answer is what counts, and the session's end rejects it. */
  #write(packet: Buffer): void {
    this.#command.write(packet).catch((error: unknown) => {
      // A server that has ended takes nothing any more: how it ended is the better reason, and comes in a moment.
      const fail = () => this.#fail(this.#lost(error));
      this.#clock.sleep(endingMilliseconds, this.#over.signal).then(fail, fail);
    });
  }

  async #receive(): Promise<void> {
    const splitter = new PacketSplitter();
    try {
      for await (const chunk of this.#command.stdout) {
        for (const packet of splitter.push(chunk)) this.#take(packet);
        if (this.#failure !== undefined) return;
      }
      const { status } = await this.#command.exit;
      const words = this.#command.stderr().trim().slice(0, 300);
      const ending = status === null ? "ended" : `ended with status ${status}`;
      throw new LifeboatError(
        "command-failed",
        `the SFTP server of ${this.#machine.name} ${ending}: ${words || "without a word"}`,
      );
    } catch (error) {
      this.#fail(error instanceof RangeError ? this.#garbage(messageOf(error)) : this.#lost(error));
    }
  }

  #take(packet: Buffer): void {
    this.#packets++;
    const type = packet[0] as number;
    const fields = new PacketFields(packet.subarray(1));
    if (type === packetTypes.version) {
      this.#version.resolve(readVersion(fields));
      return;
    }
    const id = fields.uint32();
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) throw new RangeError("an answer that nobody asked for");
    this.#waiting.delete(id);
    if (type === packetTypes.status) {
      const code = fields.uint32();
      const text = fields.remaining >= 4 ? fields.name() : ("" as ByteString);
      if (code === statusCodes.ok && waiting.wanted === packetTypes.status) waiting.resolve(fields);
      else waiting.reject(new SftpStatus(code, text));
    } else if (type === waiting.wanted) {
      waiting.resolve(fields);
    } else {
      waiting.reject(this.#garbage(`an answer of the type ${type}`));
      throw new RangeError(`an answer of the type ${type}`);
    }
  }

  async #watch(): Promise<void> {
    let silent = 0;
    try {
      for (;;) {
        const before = this.#packets;
        await this.#clock.sleep(silenceMilliseconds, this.#over.signal);
        silent = this.#packets === before && this.#waiting.size > 0 ? silent + 1 : 0;
        if (silent < 2) continue;
        const seconds = (2 * silenceMilliseconds) / 1000;
        throw new LifeboatError("host-garbage", `the SFTP server of ${this.#machine.name} was silent for ${seconds} s`);
      }
    } catch (error) {
      if (!this.#over.signal.aborted) this.#fail(this.#lost(error));
    }
  }

  #lost(error: unknown): LifeboatError {
    if (isLifeboatError(error)) return error;
    return new LifeboatError("connection-lost", `the SFTP session with ${this.#machine.name} broke: ${messageOf(error)}`, {
      cause: error,
    });
  }

  #garbage(what: string): LifeboatError {
    return new LifeboatError("host-garbage", `the SFTP server of ${this.#machine.name} sent ${what}`);
  }

  #fail(error: LifeboatError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#over.abort();
    this.#version.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#command.kill();
  }
}

/** The names of the server's extensions. */
function readVersion(fields: PacketFields): ReadonlySet<string> {
  if (fields.uint32() < 3) throw new RangeError("a version before 3");
  const extensions = new Set<string>();
  while (fields.remaining > 0) {
    extensions.add(fields.name());
    fields.bytes();
  }
  return extensions;
}
