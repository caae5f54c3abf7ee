import type { ObjectStore } from "./object-store.ts";

/**
 * The object store that all tests of a run share: started when the first one asks (about 13 s), stopped after the last.
 * LIFEBOAT_TEST_S3_ENDPOINT with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY points the suite at another one.
 * Give hooks that call it 120 s. A program that is no test calls `startCeph` and stops what it started.
 */
export async function startObjectStore(): Promise<ObjectStore> {
  const url = process.env.LIFEBOAT_TEST_SERVICES_URL;
  if (url === undefined) throw new Error("no shared services here: they run beside vitest; call startCeph() instead");
  const response = await fetch(`${url}/object-store`, { method: "POST" });
  const text = await response.text();
  if (!response.ok) throw new Error(`the shared object store did not start: ${text}`);
  return JSON.parse(text) as ObjectStore;
}
