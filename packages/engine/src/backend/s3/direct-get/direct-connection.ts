import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions as TlsOptions } from "node:tls";
import { acknowledge } from "../acknowledge.ts";
import { badAnswer, parseResponseHead, type ResponseHead } from "./response-head.ts";

const windowBytes = 64 * 1024;
/**
 * Room for a head (at most one window), the body that came with it, what TLS still hands over after reading was stopped (it
 * decrypts all that one read of the socket has brought, 64 KiB), and one window more: the next read must have a place.
 */
const spareBytes = 4 * windowBytes;
/** A server that holds pieces back (see `acknowledge`) holds back what fills no packet: of a long answer the end. Packets are as long at most. */
const lastPieceBytes = 64 * 1024;

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly caPem: string | undefined;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

interface Wanted {
  readonly target: Uint8Array;
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * One keep-alive connection that reads answers straight into the reader's memory. Node's own client makes two arrays for each
 * 64 KiB that arrive, which costs more than all the rest of a download.
 *
 * The socket always has a place to put the next bytes: the wanted target, or else a small spare buffer of its own, from
 * which they are copied. While nobody wants bytes it is not read from, so the sender waits.
 */
export class DirectConnection {
  readonly #socket: Socket;
  readonly #spare = Buffer.allocUnsafeSlow(spareBytes);
  readonly #idleTimeoutMs: number;
  /** Bytes of the spare that have arrived and were not taken yet. */
  #start = 0;
  #end = 0;
  #wanted: Wanted | undefined;
  #headWanted: { resolve: (head: ResponseHead) => void; reject: (error: Error) => void } | undefined;
  #broken: Error | undefined;
  /** Between an answer's end and the next request: whatever comes was not asked for. */
  #resting = true;
  /** An answer has begun to arrive since the last request. */
  answered = false;

  constructor(options: ConnectionOptions) {
    this.#idleTimeoutMs = options.idleTimeoutMs;
    const onread = {
      buffer: () => this.#place(),
      callback: (count: number, buffer: Uint8Array) => this.#receive(count, buffer),
    };
    const { host, port } = options;
    // A name, never an address, may stand in the TLS handshake.
    const servername = /^[\d.]+$|:/.test(host) ? "" : host;
    this.#socket = options.tls
      ? connectTls({
          host,
          port,
          servername,
          onread,
          ...(options.caPem === undefined ? {} : { ca: options.caPem }),
        } as TlsOptions)
      : connectTcp({ host, port, onread, noDelay: true });
    this.#socket.setTimeout(options.connectTimeoutMs, () => this.destroy(timedOut()));
    this.#socket.once(options.tls ? "secureConnect" : "connect", () => this.#socket.setTimeout(options.idleTimeoutMs));
    this.#socket.on("error", (error) => this.destroy(error));
    this.#socket.on("end", () => this.destroy());
    this.#socket.on("close", () => this.destroy());
  }

  get usable(): boolean {
    return this.#broken === undefined;
  }

  /** Sends a request without a body and waits for the head of its answer. */
  request(head: string): Promise<ResponseHead> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    this.answered = false;
    this.#resting = false;
    this.#socket.ref();
    this.#socket.setTimeout(this.#socket.connecting ? this.#socket.timeout || this.#idleTimeoutMs : this.#idleTimeoutMs);
    return new Promise((resolve, reject) => {
      this.#headWanted = { resolve, reject };
      this.#socket.write(head, "latin1");
      this.#read();
    });
  }

  /** Resolves when the target is full of the next bytes of the body. One at a time. */
  fill(target: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wanted = { target, at: 0, resolve, reject };
      this.#takeSpare();
      if (this.#wanted === undefined) return;
      if (this.#broken !== undefined) this.#fail(this.#broken);
      else this.#read();
    });
  }

  /** After the last byte of an answer: false when more has come than belongs to it. Does not keep the program alive. */
  rest(): boolean {
    if (this.#broken !== undefined || this.#start < this.#end) return false;
    this.#resting = true;
    this.#socket.setTimeout(0);
    this.#socket.unref();
    // So that the server's end of the connection is noticed.
    this.#read();
    return true;
  }

  /** Not `resume`: that starts reading once more a moment later, when it may have been stopped already. */
  #read(): void {
    this.#socket.read(0);
  }

  destroy(error?: Error): void {
    this.#broken ??= error ?? Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
    this.#socket.destroy();
    this.#fail(this.#broken);
  }

  #fail(error: Error): void {
    const waiting = [this.#wanted, this.#headWanted];
    this.#wanted = undefined;
    this.#headWanted = undefined;
    for (const one of waiting) one?.reject(error);
  }

  /** Called after each read of the socket, for the next one. */
  #place(): Uint8Array {
    const wanted = this.#wanted;
    if (wanted !== undefined) return wanted.target.subarray(wanted.at);
    // What came in one piece with its head was not taken yet: place after place would creep to the end, and a read without room fails.
    if (this.#start > 0 && this.#start < this.#end && this.#end + windowBytes > spareBytes) {
      this.#spare.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const from = this.#start === this.#end ? 0 : this.#end;
    return this.#spare.subarray(from, from + windowBytes);
  }

  /** Called after each read; false stops reading. */
  #receive(count: number, buffer: Uint8Array): boolean {
    if (buffer.buffer !== this.#spare.buffer) {
      const { target, at } = this.#wanted!;
      const left = target.length - at - count;
      if (left > 0 && left <= lastPieceBytes) acknowledge(this.#socket);
      this.#wanted!.at += count;
      this.#settleFull();
      return this.#wanted !== undefined;
    }
    const offset = buffer.byteOffset - this.#spare.byteOffset;
    if (this.#start === this.#end) this.#start = this.#end = offset;
    if (this.#resting || offset !== this.#end) {
      this.destroy(badAnswer("the server sent what was not asked for"));
      return false;
    }
    this.#end += count;
    // Whether a body follows the head is known only later.
    acknowledge(this.#socket);
    if (this.#headWanted !== undefined) this.#takeHead();
    else if (this.#wanted !== undefined) this.#takeSpare();
    return this.#wanted !== undefined || this.#headWanted !== undefined;
  }

  #takeHead(): void {
    this.answered = true;
    try {
      const head = parseResponseHead(this.#spare.subarray(this.#start, this.#end));
      if (head === undefined) {
        if (this.#end - this.#start >= windowBytes) throw badAnswer("the answer's head is longer than 64 KiB");
        return;
      }
      this.#start += head.length;
      this.#headWanted?.resolve(head);
      this.#headWanted = undefined;
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #takeSpare(): void {
    const wanted = this.#wanted!;
    const count = Math.min(this.#end - this.#start, wanted.target.length - wanted.at);
    wanted.target.set(this.#spare.subarray(this.#start, this.#start + count), wanted.at);
    wanted.at += count;
    this.#start += count;
    this.#settleFull();
  }

  #settleFull(): void {
    const wanted = this.#wanted;
    if (wanted === undefined || wanted.at < wanted.target.length) return;
    this.#wanted = undefined;
    wanted.resolve();
  }
}

function timedOut(): Error {
  return Object.assign(new Error("no byte came or went for too long"), { name: "TimeoutError", code: "ETIMEDOUT" });
}
