import type { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

/**
 * Sets a header before the request is signed. The signer takes a payload hash that stands in `x-amz-content-sha256`
 * already as it is (signature-v4, getPayloadHash), so a body whose hash is known is not hashed again.
 */
export function addHeader(command: PutObjectCommand, name: string, value: string): void {
  command.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers[name] = value;
      return next(args);
    },
    { step: "build", name: `lifeboat-header-${name}` },
  );
}

/** Reports the Date header of every answer, errors included, in milliseconds since 1970 (the header has whole seconds). */
export function watchDate(client: S3Client, report: (date: number) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      // Low priority: inside of the deserializer, which throws where the answer is an error.
      const date = Date.parse((result.response as { headers?: { date?: string } }).headers?.date ?? "");
      if (!Number.isNaN(date)) report(date);
      return result;
    },
    { step: "deserialize", priority: "low", name: "lifeboat-date" },
  );
}
