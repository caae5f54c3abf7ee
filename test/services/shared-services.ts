import { createServer } from "node:http";
import type { ObjectStore } from "./object-store.ts";
import { type RunningObjectStore, startCeph } from "./start-ceph.ts";

export interface SharedServices {
  /** POST /object-store starts it once and answers with its endpoint and keys. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Runs in the test runner's main process: starts what is dear only when a test asks for it, and only once. */
export async function startSharedServices(): Promise<SharedServices> {
  let running: Promise<RunningObjectStore> | undefined;
  const startOnce = (): Promise<ObjectStore> => {
    const external = readExternalStore();
    if (external !== undefined) return Promise.resolve(external);
    running ??= startCeph();
    return running;
  };
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== "/object-store") {
      response.writeHead(404).end();
      return;
    }
    startOnce().then(
      ({ endpoint, region, accessKeyId, secretAccessKey }) => {
        response.end(JSON.stringify({ endpoint, region, accessKeyId, secretAccessKey }));
      },
      (error: unknown) => {
        response.writeHead(500).end(error instanceof Error ? error.message : String(error));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the shared services have no TCP address");
  return {
    url: `http://127.0.0.1:${bound.port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      const store = await running?.catch(() => undefined);
      await store?.stop();
    },
  };
}

function readExternalStore(): ObjectStore | undefined {
  const endpoint = process.env.LIFEBOAT_TEST_S3_ENDPOINT;
  if (endpoint === undefined || endpoint === "") return undefined;
  const accessKeyId = process.env.AWS_ACCESS_KEY_ID;
  const secretAccessKey = process.env.AWS_SECRET_ACCESS_KEY;
  if (!accessKeyId || !secretAccessKey) {
    throw new Error("LIFEBOAT_TEST_S3_ENDPOINT is set but AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not");
  }
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    region: process.env.AWS_REGION ?? "us-east-1",
    accessKeyId,
    secretAccessKey,
  };
}
