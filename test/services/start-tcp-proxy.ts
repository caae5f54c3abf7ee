import { connect, createServer, type Socket } from "node:net";
import { Transform, type TransformCallback } from "node:stream";

export interface TcpProxyOptions {
  readonly target: { readonly address: string; readonly port: number };
  /** One-way delay, in each direction; a round trip takes twice as long. Default 0. */
  readonly delayMs?: number;
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
  cutAfter(bytes: number, then: () => void): void;
  /** While refused, new connections are reset at once. */
  refuseConnections(refuse: boolean): void;
  /** While frozen, no byte passes in either direction and nothing is closed: a dead network. */
  freeze(frozen: boolean): void;
  setDelay(delayMs: number): void;
  stop(): Promise<void>;
}

/** A TCP proxy on loopback that delays, cuts, freezes and counts. It adds latency, it does not limit the rate. */
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
    const join = (from: Socket, to: Socket, tally: (bytes: number) => void) => {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => to.resetAndDestroy());
      from.on("close", () => {
        sockets.delete(from);
        if (!to.writableEnded) to.destroySoon();
      });
      from
        .pipe(
          new Line(
            () => delayMs,
            () => frozen,
            tally,
          ),
        )
        .pipe(to);
    };
    join(client, upstream, (bytes) => {
      toTarget += bytes;
    });
    join(upstream, client, (bytes) => {
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

/** What a line holds at most before the sender has to wait: enough for 100 ms at 40 MB/s. */
const lineCapacityBytes = 4 * 1024 * 1024;

/** One direction of a connection: hands every chunk on when it is `delayMs` old, in order, so that chunks overlap on the way. */
class Line extends Transform {
  private readonly delayMs: () => number;
  private readonly frozen: () => Promise<void> | undefined;
  private readonly tally: (bytes: number) => void;
  private last: Promise<void> = Promise.resolve();
  private onTheWayBytes = 0;

  constructor(delayMs: () => number, frozen: () => Promise<void> | undefined, tally: (bytes: number) => void) {
    super({ highWaterMark: 256 * 1024 });
    this.delayMs = delayMs;
    this.frozen = frozen;
    this.tally = tally;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const delayMs = this.delayMs();
    const arrived = delayMs === 0 ? undefined : new Promise<void>((resolve) => setTimeout(resolve, delayMs));
    this.onTheWayBytes += chunk.length;
    this.last = this.last
      .then(() => arrived)
      .then(() => this.frozen())
      .then(() => {
        this.onTheWayBytes -= chunk.length;
        if (this.destroyed) return;
        this.tally(chunk.length);
        this.push(chunk);
      });
    // What the receiver has not taken yet counts as well: a slow reader must be felt by the sender.
    if (this.onTheWayBytes + this.readableLength < lineCapacityBytes) done();
    else this.last.then(() => done());
  }

  override _flush(done: TransformCallback): void {
    this.last.then(() => done());
  }
}
