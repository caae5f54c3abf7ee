import type { ClientChannel } from "ssh2";

/** What ssh2 offers by itself: at a round trip of 50 ms no more than 40 MB/s. */
export const usualWindowBytes = 2 * 1024 * 1024;
/** 160 MB/s at 50 ms, 40 MB/s at 200 ms. */
export const wideWindowBytes = 8 * 1024 * 1024;
/** Not for every few bytes a message. */
const leastGrantBytes = 512 * 1024;

/** Of ssh2 1.17 (lib/Channel.js, lib/client.js); its types do not show it. */
interface ChannelInside {
  readonly incoming: { window: number; readonly state: string };
  readonly outgoing: { readonly id: number; readonly state: string };
  readonly _client: { readonly _protocol: { channelWindowAdjust(channel: number, bytes: number): void } };
}

/**
 * How much the host may send on a channel before it is told to go on. ssh2 keeps 2 MiB and grants more as soon as half of them came and
 * its buffer takes them; this grants up to `mostBytes` less what waits unread, counted in ssh2's own variable, so that both agree at any time
 * about what the host may send, and a host that sends more is noticed. It begins with ssh2's 2 MiB and grows as long as the reader keeps
 * up, that is when the line is the limit; with a reader that does not, more would only wait in memory, and be lost when the run is killed.
 * Where ssh2 is not as it was when this was written its own window stays.
 */
export class ReceiveWindow {
  readonly #inside: ChannelInside | undefined;
  readonly #mostBytes: number;
  readonly #unread: () => number;

  #bytes = usualWindowBytes;
  #received = 0;
  /** What had been received when the reader was last behind, or the window grew. */
  #calmSince = 0;

  /** `overrun` is called when the host has sent more than it was granted. */
  constructor(channel: ClientChannel, parts: { mostBytes: number; unread: () => number; overrun: () => void }) {
    this.#mostBytes = parts.mostBytes;
    this.#unread = parts.unread;
    const inside: unknown = channel;
    if (!isAsExpected(inside)) return;
    this.#inside = inside;
    watch(inside.incoming, (bytes, left) => {
      this.#received += bytes;
      if (left < 0) parts.overrun();
    });
  }

  /** False when ssh2's own window is all there is. */
  get isOurs(): boolean {
    return this.#inside !== undefined;
  }

  /** Something was read: grants what there is room for. */
  refresh(): void {
    const inside = this.#inside;
    if (inside === undefined || inside.incoming.state !== "open") return;
    if (inside.outgoing.state !== "open" && inside.outgoing.state !== "eof") return;
    const unread = this.#unread();
    this.#adapt(unread);
    const grant = this.#bytes - inside.incoming.window - unread;
    if (grant < leastGrantBytes) return;
    inside.incoming.window += grant;
    inside._client._protocol.channelWindowAdjust(inside.outgoing.id, grant);
  }

  #adapt(unread: number): void {
    if (unread > this.#bytes / 2) this.#bytes = Math.max(usualWindowBytes, this.#bytes / 2);
    if (unread > this.#bytes / 4) this.#calmSince = this.#received;
    if (this.#received - this.#calmSince < this.#bytes) return;
    this.#bytes = Math.min(this.#mostBytes, this.#bytes * 2);
    this.#calmSince = this.#received;
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

/**
 * ssh2 subtracts what came and does not look whether it was granted: unread it would fill the memory. Only when exactly nothing is left it
 * drops what comes without a word; so it is shown one byte more than there is.
 */
function watch(incoming: { window: number }, came: (bytes: number, left: number) => void): void {
  let left = incoming.window + 1;
  Object.defineProperty(incoming, "window", {
    get: () => left,
    set: (bytes: number) => {
      const before = left;
      left = bytes;
      if (bytes < before) came(before - bytes, bytes - 1);
    },
  });
}
