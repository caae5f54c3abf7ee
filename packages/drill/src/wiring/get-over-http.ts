import { LifeboatError, messageOf } from "@lifeboat/model";
import type { DrillPorts } from "../ports.ts";

/** One GET without redirects; the body is cut at `maxBodyBytes`. */
export const getOverHttp: DrillPorts["httpGet"] = async (url, { timeoutMs, maxBodyBytes, signal }) => {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    const parts: Uint8Array[] = [];
    let bytes = 0;
    if (response.body !== null) {
      for await (const part of response.body) {
        parts.push(part);
        bytes += part.length;
        if (bytes >= maxBodyBytes) break;
      }
    }
    return { status: response.status, body: Buffer.concat(parts).subarray(0, maxBodyBytes).toString("utf8") };
  } catch (error) {
    signal.throwIfAborted();
    throw new LifeboatError("drill-target-failed", `${url} does not answer (${messageOf(error)})`, { cause: error });
  }
};
