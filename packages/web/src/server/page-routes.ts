import type { Catalog } from "@lifeboat/catalog";
import { parseAssetName, parseRunId, protectionJson } from "@lifeboat/model";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Html } from "../html/html.ts";
import { assetPage } from "../pages/asset-page.ts";
import { assetsPage } from "../pages/assets-page.ts";
import { drillPage } from "../pages/drill-page.ts";
import { drillsPage } from "../pages/drills-page.ts";
import { jobPage } from "../pages/job-page.ts";
import { jobsPage } from "../pages/jobs-page.ts";
import { overviewPage } from "../pages/overview-page.ts";
import type { PageData } from "../pages/page-data.ts";
import { layout } from "../view/layout.ts";
import { sendNotFound } from "./error-pages.ts";
import { reportPolicy } from "./security-headers.ts";

export type ReadPageData = () => Promise<PageData>;

/** Which address shows what. Ids of runs and names of assets have slashes, so they are the rest of the address. */
export function addPageRoutes(server: FastifyInstance, readData: ReadPageData): void {
  const page = async (reply: FastifyReply, at: string, title: string, data: PageData, body: Html) => {
    const { config, time, protection } = data;
    await reply
      .type("text/html; charset=utf-8")
      .send(layout({ company: config.company.name, time, protection }, { title, at, body }).text);
  };

  server.get("/", async (_request, reply) => {
    const data = await readData();
    await page(reply, "/", "Overview", data, await overviewPage(data));
  });

  server.get("/assets", async (request, reply) => {
    const data = await readData();
    await page(reply, "/assets", "Assets", data, await assetsPage(data, queryOf(request)));
  });

  server.get("/assets/*", async (request, reply) => {
    const data = await readData();
    const name = restOf(request);
    const asset = parseAssetName(name) === undefined ? undefined : data.protection.assets.find((one) => one.asset === name);
    if (asset === undefined)
      return sendNotFound(reply, data, "The configuration has no such asset. One that was taken out still has its jobs.");
    await page(reply, "/assets", asset.asset, data, await assetPage(data, asset));
  });

  server.get("/jobs", async (request, reply) => {
    const data = await readData();
    await page(reply, "/jobs", "Jobs", data, await jobsPage(data, queryOf(request)));
  });

  server.get("/jobs/*", async (request, reply) => {
    const data = await readData();
    const run = await findRun(data.catalog, restOf(request));
    if (run === undefined) return sendNotFound(reply, data, "History has no run of this id.");
    await page(reply, "/jobs", `${run.kind} of ${run.object}`, data, await jobPage(data, run));
  });

  server.get("/drills", async (_request, reply) => {
    const data = await readData();
    await page(reply, "/drills", "Drills", data, await drillsPage(data));
  });

  server.get("/drills/*", async (request, reply) => {
    const data = await readData();
    const [, runId = "", file] = /^(.*?)(?:\/report\.(html|json))?$/s.exec(restOf(request)) ?? [];
    const parts = parseRunId(runId);
    if (parts?.kind !== "drill") return sendNotFound(reply, data, "History has no drill run of this id.");
    const report = await data.catalog.findDrillReport(runId);
    if (file === "html" && report?.html !== undefined) {
      return reply.header("content-security-policy", reportPolicy).type("text/html; charset=utf-8").send(report.html);
    }
    if (file === "json" && report !== undefined) return reply.type("application/json; charset=utf-8").send(report.report);
    const run = await data.catalog.findRun(runId);
    if (file !== undefined || (run === undefined && report === undefined)) {
      return sendNotFound(reply, data, "History has no such drill report.");
    }
    await page(reply, "/drills", `Drill ${parts.object}`, data, drillPage(data, parts.object, run, report));
  });

  server.get("/api/status.json", async (_request, reply) => {
    const { protection } = await readData();
    await reply.type("application/json; charset=utf-8").send(JSON.stringify(protectionJson(protection), undefined, 2));
  });
}

function findRun(catalog: Catalog, runId: string) {
  return parseRunId(runId) === undefined ? Promise.resolve(undefined) : catalog.findRun(runId);
}

function queryOf(request: FastifyRequest): URLSearchParams {
  const [, query = ""] = request.url.split("?", 2);
  return new URLSearchParams(query);
}

function restOf(request: FastifyRequest): string {
  return (request.params as Record<string, string | undefined>)["*"] ?? "";
}
