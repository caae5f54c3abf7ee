import { isLifeboatError } from "@lifeboat/model";
import type { FastifyReply } from "fastify";
import { html } from "../html/html.ts";
import type { PageData } from "../pages/page-data.ts";
import { layout, type PageFrame } from "../view/layout.ts";
import { shape } from "../view/marks.ts";

export function sendNotFound(reply: FastifyReply, data: PageData, why: string): FastifyReply {
  const { config, time, protection } = data;
  const body = html`<h1>Not found</h1><p>${why}</p><ul><li><a href="/assets">All assets</a></li><li><a href="/jobs">All jobs</a></li><li><a href="/drills">All drills</a></li></ul>`;
  return sendHtml(
    reply,
    404,
    layout({ company: config.company.name, time, protection }, { title: "Not found", at: "", body }).text,
  );
}

/** Without history nothing is known, and that is said as loudly as a bad verdict. */
export function sendFailure(reply: FastifyReply, frame: Omit<PageFrame, "protection">, error: unknown): FastifyReply {
  const known = isLifeboatError(error);
  const body = html`<section class="verdict unknown" aria-label="Verdict">${shape("unknown")}<h1>Unknown: ${known ? "history could not be read." : "the page failed."}</h1></section>
<p>${known ? error.message : "This is a bug of Lifeboat; its log has the details."}</p>${known && error.hint !== undefined ? html`<p class="next">${error.hint}</p>` : ""}
<p>Restores do not need this page: <code>lifeboat restore --help</code></p>`;
  const text = layout({ ...frame, protection: undefined }, { title: "Unknown", at: "", body }).text;
  return sendHtml(reply, known ? 503 : 500, text);
}

function sendHtml(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type("text/html; charset=utf-8").send(text);
}
