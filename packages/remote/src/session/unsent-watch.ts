import type { Duplex } from "node:stream";
import type { ClientChannel } from "ssh2";

/** Beyond what we wrote ourselves. */
const mostUnsentBytes = 32 * 1024 * 1024;
/** What SSH puts around 32 KiB or less, generously. */
const packetBytes = 32 * 1024;
const packetOverhead = 256;

type ExemptChannel = Pick<ClientChannel, "write" | "writableLength" | "once">;

/**
 * ssh2 answers each request of a host at once. A host that asks and does not read would have the answers pile up in the socket, where
 * nothing bounds them. What commands and restores write is not counted: channel windows and those who wait for their writes bound it.
 */
export class UnsentWatch {
  readonly #socket: Duplex;
  readonly #channels = new Set<ExemptChannel>();
  /** At least what channels have written of what is unsent. */
  #own = 0;

  /** `flooded` is called when the host leaves too many answers unread; perhaps more than once. */
  constructor(socket: Duplex, flooded: () => void) {
    this.#socket = socket;
    socket.on("drain", () => this.#restart());
    // Answers are written while data is taken.
    socket.on("data", () => {
      if (socket.writableLength - this.#own > mostUnsentBytes) flooded();
    });
  }

  /** To be called with each channel before anything is written to it. */
  exempt(channel: ExemptChannel): void {
    this.#channels.add(channel);
    channel.once("close", () => this.#channels.delete(channel));
    const write = channel.write.bind(channel) as (chunk: Uint8Array, ...rest: unknown[]) => boolean;
    channel.write = ((chunk: Uint8Array, ...rest: unknown[]) => {
      if (this.#socket.writableLength === 0) this.#restart();
      this.#own += chunk.length + packetOverhead * Math.ceil((chunk.length + 1) / packetBytes);
      return write(chunk, ...rest);
    }) as ClientChannel["write"];
  }

  /** All was sent, but for what waits in channels until the host grants more window. */
  #restart(): void {
    this.#own = 0;
    for (const { writableLength } of this.#channels) this.#own += 1.25 * writableLength;
  }
}
