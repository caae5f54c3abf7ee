import { type Clock, type CompiledDrillCheck, messageOf } from "@lifeboat/model";
import type { DrillPorts } from "../ports.ts";
import { type CheckOutcome, failed, maxOutputBytes, passed } from "./check-outcome.ts";

export type HttpCheck = Extract<CompiledDrillCheck, { type: "http" }>;

const maxBodyBytes = 1 << 20;
const pauseMs = 500;

/** Asks until the answer is the wanted one or `retryForSeconds` are over; at least once. */
export async function checkHttp(
  check: HttpCheck,
  url: string,
  ports: { readonly clock: Clock; readonly httpGet: DrillPorts["httpGet"] },
  signal: AbortSignal,
): Promise<CheckOutcome> {
  const body = check.expectBody === undefined ? "" : ` with "${check.expectBody.slice(0, 60)}"`;
  const wanted = `status ${check.expectStatus}${body}`;
  const endMs = ports.clock.now() + check.retryForSeconds * 1000;
  for (let tries = 1; ; tries++) {
    const outcome = await askOnce(check, url, wanted, tries, ports, signal);
    if (outcome.verdict === "passed" || ports.clock.now() + pauseMs > endMs) return outcome;
    await ports.clock.sleep(pauseMs, signal);
  }
}

async function askOnce(
  check: HttpCheck,
  url: string,
  wanted: string,
  tries: number,
  ports: { readonly httpGet: DrillPorts["httpGet"] },
  signal: AbortSignal,
): Promise<CheckOutcome> {
  const asked = `GET ${url}`;
  const times = tries === 1 ? "" : ` (${tries} tries)`;
  try {
    const answer = await ports.httpGet(url, { timeoutMs: 10_000, maxBodyBytes, signal });
    const found = `status ${answer.status}`;
    const output = answer.body.slice(0, maxOutputBytes);
    if (answer.status !== check.expectStatus) {
      return { ...failed(wanted, found, `${asked} -> ${answer.status}, wanted ${check.expectStatus}${times}`), output };
    }
    if (check.expectBody !== undefined && !answer.body.includes(check.expectBody)) {
      return {
        ...failed(wanted, `${found}, another body`, `${asked}: the body has no "${check.expectBody.slice(0, 60)}"${times}`),
        output,
      };
    }
    return { ...passed(wanted, found), output };
  } catch (error) {
    signal.throwIfAborted();
    return { ...failed(wanted, "nothing answers", `${asked}: ${messageOf(error)}${times}`), answered: false };
  }
}
