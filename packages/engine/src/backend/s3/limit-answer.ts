import { type Readable, Transform } from "node:stream";

/** A page of 1000 names has less than 1 MiB; the SDK collects whatever comes before it looks at it. */
export const maxAnswerBytes = 16 * 1024 * 1024;

/** The same bytes, up to so many; more of them are an error with the code EMSGSIZE. */
export function limitAnswer(body: Readable): Readable {
  let bytes = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes <= maxAnswerBytes) return done(null, chunk);
      done(Object.assign(new Error(`the answer has more than ${maxAnswerBytes} bytes`), { code: "EMSGSIZE" }));
    },
  });
  body.once("error", (error) => limited.destroy(error));
  body.once("aborted", () => limited.destroy(Object.assign(new Error("the answer ended early"), { code: "ECONNRESET" })));
  limited.once("close", () => body.destroy());
  return body.pipe(limited);
}
