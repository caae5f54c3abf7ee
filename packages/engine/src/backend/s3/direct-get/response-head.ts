export interface ResponseHead {
  readonly status: number;
  /** Lower-case names; of a repeated header the last one counts. */
  readonly headers: Record<string, string>;
  /** Bytes of the head itself: the body begins behind them. */
  readonly length: number;
}

/** Reads the head of an HTTP/1.1 response; undefined while it is not complete. Throws on anything that is none. */
export function parseResponseHead(bytes: Buffer): ResponseHead | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw badAnswer("the answer is not HTTP/1.1");
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) throw badAnswer("the answer has a malformed header");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    // Two lengths are how one answer is made to look like two.
    if (name === "content-length" && headers[name] !== undefined) throw badAnswer("the answer has two lengths");
    headers[name] = value;
  }
  return { status: Number(status), headers, length: end + 4 };
}

/** With a code like the system's errors: it is the server's fault or the network's, not a bug of ours. */
export function badAnswer(message: string): Error {
  return Object.assign(new Error(message), { code: "ERR_BAD_ANSWER" });
}
