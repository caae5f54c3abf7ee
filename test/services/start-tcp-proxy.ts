import { connect, createServer, type Socket } from "node:net";
import { Transform, type TransformCallback } from "node:stream";

export interface TcpProxyOptions {
  readonly target: { readonly address: string; readonly port: number };
  /** One-way delay, in each direction; a round trip takes twice as long. Default 0. */
  readonly delayMs?: number;
  /** What the line carries in each direction, all connections together; bytes a second. Default: no limit. */
  readonly bytesPerSecond?: number;
  /** Breaks every connection as soon as this many bytes have come from the target, over all connections. */
  readonly cutAfterBytes?: number;
}

export interface TcpProxy extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Bytes that came from the target so far. */
  bytesFromTarget(): number;
  /** Bytes that went to the target so far. */
  bytesToTarget(): number;
  connectionCount(): number;
  /** Resets every open connection; new ones are accepted. */
  cutConnections(): void;
  /** The same as soon as so many bytes more have come from the target; then calls `then`. */
  cutAfter(bytes: number, then?: () => void): void;
  /** While refused, new connections are reset at once. */
  refuseConnections(refuse: boolean): void;
  /** While frozen, no byte passes in either direction and nothing is closed: a dead network. */
  freeze(frozen: boolean): void;
  setDelay(delayMs: number): void;
  stop(): Promise<void>;
}

/** A TCP proxy on loopback that delays, limits the rate, cuts, freezes and counts. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  let delayMs = options.delayMs ?? 0;
  let cutAfterBytes = options.cutAfterBytes ?? Number.POSITIVE_INFINITY;
  let afterCut: (() => void) | undefined;
  let refused = false;
  let fromTarget = 0;
  let toTarget = 0;
  let count = 0;
  let thaw: (() => void) | undefined;
  let frozen: Promise<void> | undefined;
  const sockets = new Set<Socket>();
  const toTargetRate = new Rate(options.bytesPerSecond);
  const fromTargetRate = new Rate(options.bytesPerSecond);
  const cutConnections = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (refused) {
      client.resetAndDestroy();
      return;
    }
    count++;
    const upstream = connect({ host: options.target.address, port: options.target.port, allowHalfOpen: true });
    const join = (from: Socket, to: Socket, rate: Rate, tally: (bytes: number) => void) => {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => to.resetAndDestroy());
      from.on("close", () => {
        sockets.delete(from);
        if (!to.writableEnded) to.destroySoon();
      });
      from
        .pipe(
          new Line({
            delayMs: () => delayMs,
            frozen: () => frozen,
            rate,
            tally,
          }),
        )
        .pipe(to);
    };
    join(client, upstream, toTargetRate, (bytes) => {
      toTarget += bytes;
    });
    join(upstream, client, fromTargetRate, (bytes) => {
      fromTarget += bytes;
      if (fromTarget >= cutAfterBytes) {
        cutAfterBytes = Number.POSITIVE_INFINITY;
        cutConnections();
        afterCut?.();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the proxy has no TCP address");
  const freeze = (wanted: boolean) => {
    if (wanted && frozen === undefined) frozen = new Promise((resolve) => (thaw = resolve));
    if (!wanted) {
      frozen = undefined;
      thaw?.();
    }
  };
  const stop = async () => {
    freeze(false);
    cutConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    address: "127.0.0.1",
    port: bound.port,
    bytesFromTarget: () => fromTarget,
    bytesToTarget: () => toTarget,
    connectionCount: () => count,
    cutConnections,
    cutAfter: (bytes, then) => {
      cutAfterBytes = fromTarget + bytes;
      afterCut = then;
    },
    refuseConnections: (refuse) => {
      refused = refuse;
    },
    freeze,
    setDelay: (ms) => {
      delayMs = ms;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The sender has to wait when a line with a delay holds so much: enough for 100 ms at 80 MB/s, which is more than any test's line carries. */
const lineCapacityBytes = 8 * 1024 * 1024;
/** Without a delay nothing is on its way, and little should wait. */
const directCapacityBytes = 1024 * 1024;

/** One direction of all connections: says when the last byte of a chunk has left, if all before it went at the line's rate. */
class Rate {
  private readonly bytesPerSecond: number | undefined;
  private free = 0;

  constructor(bytesPerSecond: number | undefined) {
    this.bytesPerSecond = bytesPerSecond;
  }

  leaves(bytes: number, now: number): number {
    if (this.bytesPerSecond === undefined) return now;
    this.free = Math.max(now, this.free) + (bytes / this.bytesPerSecond) * 1000;
    return this.free;
  }
}

interface LineParts {
  readonly delayMs: () => number;
  readonly frozen: () => Promise<void> | undefined;
  readonly rate: Rate;
  readonly tally: (bytes: number) => void;
}

/** One direction of a connection: hands every chunk on when it has left and is `delayMs` old, in order, so that chunks overlap on the way. */
class Line extends Transform {
  private readonly parts: LineParts;
  private last: Promise<void> = Promise.resolve();
  private onTheWayBytes = 0;
  private room: (() => void) | undefined;

  constructor(parts: LineParts) {
    super({ highWaterMark: 256 * 1024 });
    this.parts = parts;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const now = performance.now();
    const wait = this.parts.rate.leaves(chunk.length, now) + this.parts.delayMs() - now;
    // What is late by less than a timer can tell is not delayed further: the rate is right over many chunks.
    const arrived = wait < 1 ? undefined : new Promise<void>((resolve) => setTimeout(resolve, wait));
    this.onTheWayBytes += chunk.length;
    this.last = this.last
      .then(() => arrived)
      .then(() => this.parts.frozen())
      .then(() => {
        this.onTheWayBytes -= chunk.length;
        if (this.destroyed) return;
        this.parts.tally(chunk.length);
        this.push(chunk);
        this.room?.();
      });
    if (this.isRoomy()) {
      done();
      return;
    }
    this.room = () => {
      // What the receiver has not taken yet counts as well: a slow reader must be felt by the sender. Once it was pushed the stream waits itself.
      if (!this.isRoomy() && this.onTheWayBytes > 0) return;
      this.room = undefined;
      done();
    };
  }

  override _flush(done: TransformCallback): void {
    this.last.then(() => done());
  }

  private isRoomy(): boolean {
    return this.onTheWayBytes + this.readableLength < (this.parts.delayMs() > 0 ? lineCapacityBytes : directCapacityBytes);
  }
}
