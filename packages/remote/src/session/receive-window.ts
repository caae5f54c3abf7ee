import type { ClientChannel } from "ssh2";

/** What ssh2 offers by itself: at a round trip of 50 ms no more than 40 MB/s. */
export const usualWindowBytes = 2 * 1024 * 1024;
/** 160 MB/s at 50 ms, 40 MB/s at 200 ms. */
export const wideWindowBytes = 8 * 1024 * 1024;
/** What all channels of a machine may have beyond the usual together: several streams fill a line that one would. */
const sharedBytes = wideWindowBytes - usualWindowBytes;
/** Not for every few bytes a message. */
const leastGrantBytes = 512 * 1024;
/** ssh2 grants by itself when no more than this is left. */
const ownGrantBytes = 1024 * 1024;

export class WindowBudget {
  #left = sharedBytes;

  /** Gives as much of it as there is. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#left);
    this.#left -= taken;
    return taken;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** Of ssh2 1.17 (lib/Channel.js, lib/client.js); its types do not show it. */
interface ChannelInside {
  readonly incoming: { window: number; readonly state: string };
  readonly outgoing: { readonly id: number; readonly state: string };
  readonly _client: { readonly _protocol: { channelWindowAdjust(channel: number, bytes: number): void } };
}

/**
 * How much the host may send on a channel before it is told to go on: what is granted and what waits unread are never more than
 * `mostBytes` together. It begins with ssh2's 2 MiB and grows as long as the reader keeps up, that is when the line is the limit; with a
 * reader that does not, more would only wait in memory, and be lost when the run is killed. ssh2 counts in its own variable, which is
 * watched, so that both agree at any time about what the host may send, and a host that sends more is noticed. Where ssh2 is not as it was
 * when this was written its own window stays.
 */
export class ReceiveWindow {
  readonly #inside: ChannelInside | undefined;
  readonly #mostBytes: number;
  readonly #budget: WindowBudget;
  readonly #unread: () => number;
  #bytes = usualWindowBytes;
  #granted = 0;
  #received = 0;
  /** What had been received when the reader was last behind, or the window grew. */
  #calmSince = 0;
  #isClosed = false;

  /** `overrun` is called when the host has sent more than it was granted. */
  constructor(
    channel: ClientChannel,
    parts: { mostBytes: number; budget: WindowBudget; unread: () => number; overrun: () => void },
  ) {
    this.#mostBytes = parts.mostBytes;
    this.#budget = parts.budget;
    this.#unread = parts.unread;
    const inside: unknown = channel;
    if (!isAsExpected(inside)) return;
    this.#inside = inside;
    this.#granted = inside.incoming.window;
    this.#watch(inside, parts.overrun);
  }

  /** False when ssh2's own window is all there is. */
  get isOurs(): boolean {
    return this.#inside !== undefined;
  }

  /** Something was read: grants what there is room for. */
  refresh(): void {
    const inside = this.#inside;
    if (inside === undefined || this.#isClosed || inside.incoming.state !== "open") return;
    if (inside.outgoing.state !== "open" && inside.outgoing.state !== "eof") return;
    const unread = this.#unread();
    this.#adapt(unread);
    const grant = this.#bytes - this.#granted - unread;
    if (grant < leastGrantBytes) return;
    this.#granted += grant;
    inside._client._protocol.channelWindowAdjust(inside.outgoing.id, grant);
  }

  /** Nothing more comes. */
  close(): void {
    this.#isClosed = true;
    this.#resize(usualWindowBytes);
  }

  #adapt(unread: number): void {
    if (unread > this.#bytes / 2) this.#resize(Math.max(usualWindowBytes, this.#bytes / 2));
    if (unread > this.#bytes / 4) this.#calmSince = this.#received;
    if (this.#received - this.#calmSince < this.#bytes) return;
    this.#resize(Math.min(this.#mostBytes, this.#bytes * 2));
    this.#calmSince = this.#received;
  }

  #resize(bytes: number): void {
    if (bytes > this.#bytes) this.#bytes += this.#budget.take(bytes - this.#bytes);
    else {
      this.#budget.giveBack(this.#bytes - bytes);
      this.#bytes = bytes;
    }
  }

  /**
   * ssh2 subtracts what came and does not look whether it was granted: unread it would fill the memory. When exactly nothing is left it
   * drops what comes without a word, and when little is left it grants by itself; so it is shown so much more than there is.
   */
  #watch({ incoming }: ChannelInside, overrun: () => void): void {
    Object.defineProperty(incoming, "window", {
      get: () => this.#granted + ownGrantBytes + 1,
      set: (shown: number) => {
        const granted = shown - ownGrantBytes - 1;
        this.#received += this.#granted - granted;
        this.#granted = granted;
        if (granted < 0) overrun();
      },
    });
  }
}

function isAsExpected(channel: unknown): channel is ChannelInside {
  const { incoming, outgoing, _client } = channel as Partial<ChannelInside>;
  return (
    // Data may have come before anybody could look.
    typeof incoming?.window === "number" &&
    incoming.window > 0 &&
    incoming.window <= usualWindowBytes &&
    typeof incoming.state === "string" &&
    typeof outgoing?.id === "number" &&
    typeof outgoing.state === "string" &&
    typeof _client?._protocol?.channelWindowAdjust === "function"
  );
}
