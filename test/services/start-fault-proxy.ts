import { createServer, type IncomingMessage, request as openRequest, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerError, answerSlowly, passAnswer, passShareOfAnswer, waitForAnswer } from "./fault-proxy-answers.ts";

/** One request as the proxy saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path with query, percent-decoded: "/bucket/repo/data/ab/abcd". */
  readonly path: string;
}

export type CallMoment = "before" | "half" | "sent" | "answered";

export type HttpFaultEffect =
  /** An error of S3 in the place of the server's answer; `done`: the server has done it all the same. */
  | { readonly kind: "error"; readonly status: number; readonly code: string; readonly done: boolean }
  /** The request is taken and never answered; `done` as above. */
  | { readonly kind: "silence"; readonly done: boolean }
  /** The connection is reset before anything is answered or handed on. */
  | { readonly kind: "reset" }
  /** The connection is reset when this share of the request's body has been handed on. */
  | { readonly kind: "cut request"; readonly share: number }
  /** The connection ends as if all were said, when this share of the answer's body has been handed on. */
  | { readonly kind: "cut answer"; readonly share: number }
  /** The answer comes in so many pieces, with a pause before each. */
  | { readonly kind: "slow"; readonly pieces: number; readonly pauseMs: number }
  /** `call` is waited for: before the request is handed on, when half of its body was, when all of it was, or before its answer is. */
  | { readonly kind: "call"; readonly moment: CallMoment; readonly call: (seen: SeenRequest) => unknown };

export interface HttpFault {
  readonly matches: (seen: SeenRequest) => boolean;
  /** 1: the first that matches, counted from when the fault was planned. */
  readonly at: number;
  /** How many that match, from that one on; Infinity: until it is lifted. */
  readonly times: number;
  readonly effect: HttpFaultEffect;
}

export interface PlannedFault {
  /** The requests that it has met. */
  readonly fired: readonly SeenRequest[];
  lift(): void;
}

export interface FaultProxy extends AsyncDisposable {
  /** Takes the place of the server's own: `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** All requests so far, in the order in which they came. */
  readonly seen: readonly SeenRequest[];
  plan(fault: HttpFault): PlannedFault;
  stop(): Promise<void>;
}

/**
 * An HTTP proxy on loopback in front of an S3 server that breaks chosen requests. Everything else passes unchanged, the Host header
 * too: a signature covers it.
 */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const seen: SeenRequest[] = [];
  const planned = new Set<{ fault: HttpFault; matched: number; fired: SeenRequest[] }>();
  const sockets = new Set<Socket>();

  const effectOn = (request: SeenRequest): HttpFaultEffect | undefined => {
    let effect: HttpFaultEffect | undefined;
    for (const plan of planned) {
      const { matches, at, times } = plan.fault;
      if (!matches(request)) continue;
      plan.matched++;
      if (plan.matched < at || plan.matched >= at + times) continue;
      plan.fired.push(request);
      effect ??= plan.fault.effect;
    }
    return effect;
  };

  const handOn = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming; // gone from it once it is closed
    const request = openRequest({
      host: hostname,
      port,
      method: incoming.method ?? "GET",
      path: incoming.url ?? "/",
      headers: incoming.rawHeaders,
      agent: false,
    });
    // Whoever goes away takes the other side along, as on a wire.
    outgoing.once("close", () => request.destroy());
    request.on("error", () => socket.resetAndDestroy());
    return request;
  };

  const server = createServer((incoming, outgoing) => {
    const request = { method: incoming.method ?? "", path: decodePath(incoming.url ?? "/") };
    seen.push(request);
    const effect = effectOn(request);
    const { socket } = incoming;
    serve(incoming, outgoing, { request, effect, handOn: () => handOn(incoming, outgoing) }).catch(() => {
      socket.resetAndDestroy();
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the fault proxy has no TCP address");
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    endpoint: `http://127.0.0.1:${bound.port}`,
    seen,
    plan(fault) {
      const plan = { fault, matched: 0, fired: [] as SeenRequest[] };
      planned.add(plan);
      return { fired: plan.fired, lift: () => void planned.delete(plan) };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Served {
  readonly request: SeenRequest;
  readonly effect: HttpFaultEffect | undefined;
  readonly handOn: () => ReturnType<typeof openRequest>;
}

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, { request, effect, handOn }: Served): Promise<void> {
  const { socket } = incoming;
  if (effect?.kind === "reset") {
    socket.resetAndDestroy();
    return;
  }
  if ((effect?.kind === "error" || effect?.kind === "silence") && !effect.done) {
    // As a server does that reads what it is sent and then says no.
    for await (const _ of incoming);
    if (effect.kind === "error") answerError(outgoing, effect, request);
    return;
  }
  const call = async (moment: CallMoment) => {
    if (effect?.kind === "call" && effect.moment === moment) await effect.call(request);
  };
  await call("before");
  if (socket.destroyed) return;
  const length = Number(incoming.headers["content-length"] ?? 0);
  const stopAt = effect?.kind === "cut request" ? Math.floor(length * effect.share) : length;
  const upstream = handOn();
  const answered = waitForAnswer(upstream);
  answered.catch(() => undefined);
  let sent = 0;
  let isHalf = length === 0;
  if (isHalf) await call("half");
  for await (const part of incoming as AsyncIterable<Buffer>) {
    const piece = part.subarray(0, stopAt - sent);
    if (!upstream.write(piece)) await waitForDrain(upstream);
    sent += piece.length;
    if (!isHalf && sent * 2 >= length) {
      isHalf = true;
      await call("half");
    }
    if (effect?.kind === "cut request" && sent === stopAt) {
      upstream.destroy();
      socket.resetAndDestroy();
      return;
    }
  }
  await new Promise<void>((resolve) => upstream.once("close", resolve).end(resolve));
  await call("sent");
  const answer = await answered;
  await call("answered");
  if (effect?.kind === "error") {
    answer.resume();
    answerError(outgoing, effect, request);
  } else if (effect?.kind === "silence") answer.resume();
  else if (effect?.kind === "cut answer") await passShareOfAnswer(answer, outgoing, effect.share);
  else if (effect?.kind === "slow") await answerSlowly(answer, outgoing, effect);
  else await passAnswer(answer, outgoing);
}

function waitForDrain(request: ReturnType<typeof openRequest>): Promise<void> {
  return new Promise((resolve) => {
    const goOn = () => {
      request.off("drain", goOn).off("close", goOn);
      resolve();
    };
    if (request.destroyed) resolve();
    else request.on("drain", goOn).on("close", goOn);
  });
}

function decodePath(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}
