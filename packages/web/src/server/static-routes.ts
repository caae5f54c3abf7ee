import { readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";

const style = readFileSync(new URL("../style.css", import.meta.url), "utf8");
const icon = readFileSync(new URL("../icon.svg", import.meta.url), "utf8");

/** The only two files; both come from us and may be kept for a short while. */
export function addStaticRoutes(server: FastifyInstance): void {
  const keep = "public, max-age=300";
  server.get("/style.css", (_request, reply) => reply.header("cache-control", keep).type("text/css; charset=utf-8").send(style));
  server.get("/icon.svg", (_request, reply) => reply.header("cache-control", keep).type("image/svg+xml").send(icon));
  server.get("/favicon.ico", (_request, reply) => reply.redirect("/icon.svg", 301));
}
