import type { AddressInfo } from "node:net";
import { type Catalog, collectProtection } from "@lifeboat/catalog";
import {
  assessProtection,
  type Clock,
  type CompiledConfig,
  isLifeboatError,
  LifeboatError,
  type Logger,
  messageOf,
} from "@lifeboat/model";
import { type FastifyReply, fastify } from "fastify";
import type { PageData } from "./pages/page-data.ts";
import { readRecentFigures } from "./pages/recent-figures.ts";
import { sendFailure, sendNotFound } from "./server/error-pages.ts";
import { keepFor } from "./server/keep-for.ts";
import { isHostAllowed, parseListen } from "./server/listen-address.ts";
import { addPageRoutes } from "./server/page-routes.ts";
import { securityHeaders } from "./server/security-headers.ts";
import { addStaticRoutes } from "./server/static-routes.ts";

export interface WebOptions {
  /** Read only; the page writes nothing to it. */
  readonly catalog: Catalog;
  readonly config: CompiledConfig;
  /** "127.0.0.1:8080"; port 0 takes a free one. */
  readonly listen: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Web {
  /** "http://127.0.0.1:8080/" */
  readonly url: string;
  /** From the next request on. */
  replaceConfig(config: CompiledConfig): void;
  /** Answers what was asked, then stops listening. The catalog stays open. */
  close(): Promise<void>;
}

const protectionKeptMs = 1_000;
const recentKeptMs = 60_000;
const requestTimeoutMs = 10_000;

/** Starts the page for managers. Errors: `page-not-served`. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const { catalog, clock, logger } = options;
  const listen = parseListen(options.listen);
  let { config } = options;
  let protection = keepFor(clock, protectionKeptMs, () => assess(catalog, config, clock));
  let recent = keepFor(clock, recentKeptMs, () => readRecentFigures(catalog, config, clock.now()));
  const frame = () => ({ company: config.company.name, time: { nowMs: clock.now(), timezone: config.company.timezone } });

  const readData = async (): Promise<PageData> => {
    const assessed = await protection();
    return { catalog, config, time: { nowMs: assessed.nowMs, timezone: config.company.timezone }, protection: assessed, recent };
  };

  const server = fastify({
    logger: false,
    bodyLimit: 1,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 2 * requestTimeoutMs,
    forceCloseConnections: "idle",
    // Fastify's own answer to an address it cannot decode is JSON without our headers.
    frameworkErrors: (_error, _request, reply) => {
      void (reply as FastifyReply)
        .code(400)
        .headers(securityHeaders)
        .type("text/plain; charset=utf-8")
        .send("This address cannot be read.\n");
    },
  });

  server.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return reply.code(405).header("allow", "GET, HEAD").type("text/plain; charset=utf-8").send("This page is read-only.\n");
    }
    if (!isHostAllowed(request.headers.host, listen, config.control.web.publicUrl)) {
      return reply
        .code(421)
        .type("text/plain; charset=utf-8")
        .send("This page does not answer under this name; set control.web.public_url.\n");
    }
  });
  server.setErrorHandler((error, request, reply) => {
    logger.error({ err: error, url: request.url.slice(0, 500) }, "the page could not be made");
    return sendFailure(reply, frame(), error);
  });
  server.setNotFoundHandler(async (_request, reply) =>
    sendNotFound(reply, await readData(), "There is no page at this address."),
  );

  server.get("/healthz", async (_request, reply) => {
    try {
      await catalog.beats();
      return await reply.type("text/plain; charset=utf-8").send("ok\n");
    } catch (error) {
      logger.error({ err: error }, "history does not answer");
      return reply
        .code(503)
        .type("text/plain; charset=utf-8")
        .send(`${isLifeboatError(error) ? error.code : "failed"}\n`);
    }
  });
  addStaticRoutes(server);
  addPageRoutes(server, readData);

  try {
    await server.listen({ host: listen.host, port: listen.port });
  } catch (error) {
    await server.close();
    throw new LifeboatError("page-not-served", `the page cannot listen at ${options.listen}: ${messageOf(error)}`, {
      context: { listen: options.listen },
      cause: error,
    });
  }
  const { address, port, family } = server.server.address() as AddressInfo;
  const url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}/`;
  logger.info({ url }, "the page is served");
  return {
    url,
    replaceConfig(next) {
      config = next;
      protection = keepFor(clock, protectionKeptMs, () => assess(catalog, config, clock));
      recent = keepFor(clock, recentKeptMs, () => readRecentFigures(catalog, config, clock.now()));
    },
    close: () => server.close(),
  };
}

async function assess(catalog: Catalog, config: CompiledConfig, clock: Clock) {
  return assessProtection(await collectProtection(catalog, config, clock.now()));
}
