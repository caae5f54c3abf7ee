import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createBucket,
  type ObjectStore as S3Server,
  startObjectStore,
  startTcpProxy,
} from "../../../../../test/services/index.ts";
import {
  collectList,
  collectStream,
  describeObjectStore,
  expectCode,
  pattern,
  sameBytes,
} from "../contract/object-store-contract.ts";
import type { ObjectStore } from "../object-store.ts";
import { createS3Store, type S3StoreOptions } from "./s3-object-store.ts";

let server: S3Server;
let bucket: string;
beforeAll(async () => {
  server = await startObjectStore();
  bucket = await createBucket(server);
}, 120_000);

const opened: ObjectStore[] = [];
afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())));

function openStore(changes: Partial<S3StoreOptions> & { endpoint?: string; bucket?: string; prefix?: string } = {}): ObjectStore {
  const { endpoint = server.endpoint, bucket: name = bucket, prefix = randomUUID(), ...others } = changes;
  const store = createS3Store({
    address: { endpoint, bucket: name, prefix },
    credentials: server,
    region: server.region,
    ...others,
  });
  opened.push(store);
  return store;
}

const openForSuite = (options: { prefix: string; listPageSize?: number }) => async () => {
  server = await startObjectStore();
  const name = await createBucket(server);
  const store = createS3Store({
    address: { endpoint: server.endpoint, bucket: name, prefix: options.prefix },
    credentials: server,
    region: server.region,
    listPageSize: options.listPageSize,
  });
  return { store, cleanup: () => store.close() };
};
describeObjectStore("S3, below a prefix", openForSuite({ prefix: "some/where" }), 120_000);
describeObjectStore("S3, at the bucket's root, lists in pages of 7", openForSuite({ prefix: "", listPageSize: 7 }), 120_000);

describe("S3", () => {
  it("keeps repositories with one bucket and different prefixes apart", async () => {
    const one = openStore({ prefix: "one" });
    const other = openStore({ prefix: "one-more" });
    await one.put("config", pattern(1));
    await other.put("config", pattern(2));
    expect(await collectList(one, "")).toMatchObject([{ name: "config", size: 1 }]);
  });

  it("signs the hash it is given instead of hashing again: the store finds a wrong one", async () => {
    const store = openStore();
    await expectCode(store.put("data/wrong", pattern(100), { sha256: "0".repeat(64) }), "store-failed");
    await expectCode(store.put("data/wrong", [pattern(100_000), pattern(100_000)], { sha256: "0".repeat(64) }), "store-failed");
    expect(await store.stat("data/wrong")).toBeUndefined();
  });

  it("says that the bucket is missing, whatever is asked first", async () => {
    const nowhere = () => openStore({ bucket: `none-${randomUUID()}` });
    await expectCode(nowhere().get("config"), "store-bucket-missing");
    await expectCode(nowhere().stat("config"), "store-bucket-missing");
    await expectCode(nowhere().put("config", pattern(10)), "store-bucket-missing");
    await expectCode(collectList(nowhere(), "snapshots/"), "store-bucket-missing");
  });

  it("says that the store refuses wrong keys, and shows none of them", async () => {
    const secretAccessKey = "not-the-secret-of-anyone";
    for (const credentials of [
      { accessKeyId: server.accessKeyId, secretAccessKey },
      { accessKeyId: "NOBODY", secretAccessKey },
    ]) {
      const store = openStore({ credentials });
      for (const work of [
        () => store.get("config"),
        () => store.stat("config"),
        () => store.put("config", pattern(10)),
        () => store.delete("config"),
      ]) {
        const error = await work().catch((error: unknown) => error as Error);
        expect(error).toMatchObject({ code: "store-refused", retry: "never" });
        expect(String((error as Error).message)).not.toContain(secretAccessKey);
      }
    }
  });

  it("says that nothing answers where no server is", async () => {
    const dead = await startTcpProxy({ target: { address: "127.0.0.1", port: 9 } });
    await dead.stop();
    const error = await openStore({ endpoint: `http://127.0.0.1:${dead.port}` })
      .get("config")
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "store-unreachable", retry: "later" });
    expect((error as Error).message).toContain("ECONNREFUSED");
  });

  it("gives up on a server that takes the request and falls silent", async () => {
    await using proxy = await proxyToServer();
    const store = openStore({ endpoint: `http://127.0.0.1:${proxy.port}`, idleTimeoutMs: 300 });
    await store.put("config", pattern(10));
    proxy.freeze(true);
    const error = await store.get("config").catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "store-unreachable", retry: "later" });
    proxy.freeze(false);
    expect((await store.get("config")).length).toBe(10);
  });

  it("reports a body that breaks off as a broken transfer, never as a short answer", async () => {
    const prefix = randomUUID();
    await openStore({ prefix }).put("data/big", pattern(4_000_000));
    await using proxy = await proxyToServer(1_000_000);
    const store = openStore({ prefix, endpoint: `http://127.0.0.1:${proxy.port}` });
    expect(await store.get("data/big").catch((error: unknown) => error)).toMatchObject({ code: "store-failed", retry: "later" });
    expect((await store.get("data/big")).length).toBe(4_000_000);
    await using again = await proxyToServer(1_000_000);
    const stream = await openStore({ prefix, endpoint: `http://127.0.0.1:${again.port}` }).getStream("data/big");
    expect(await collectStream(stream).catch((error: unknown) => error)).toMatchObject({ code: "store-failed", retry: "later" });
  });

  it("stops a transfer under way with the signal's reason", async () => {
    await using proxy = await proxyToServer();
    const store = openStore({ endpoint: `http://127.0.0.1:${proxy.port}` });
    await store.put("data/big", pattern(4_000_000));
    const reason = new Error("stopped by the test");
    proxy.freeze(true);
    for (const work of [
      (signal: AbortSignal) => store.get("data/big", { signal }),
      (signal: AbortSignal) => store.put("data/other", pattern(4_000_000), { signal }),
      (signal: AbortSignal) => collectList(store, "", undefined, signal),
    ]) {
      const stop = new AbortController();
      const running = work(stop.signal);
      stop.abort(reason);
      await expect(running).rejects.toBe(reason);
    }
    proxy.freeze(false);
    const stop = new AbortController();
    const stream = await store.getStream("data/big", { signal: stop.signal });
    const reading = (async () => {
      for await (const part of stream) {
        expect(part.length).toBeGreaterThan(0);
        stop.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
  });

  it("reads the store's clock from its answers", async () => {
    const store = openStore();
    const time = await store.serverTime?.();
    expect(Math.abs((time ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("does not let proxies and CA bundles of the environment come between", async () => {
    const names = [
      "HTTP_PROXY",
      "HTTPS_PROXY",
      "ALL_PROXY",
      "http_proxy",
      "AWS_CA_BUNDLE",
      "NODE_USE_ENV_PROXY",
      "AWS_ENDPOINT_URL",
    ];
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) process.env[name] = "http://127.0.0.1:1/nowhere";
    try {
      const store = openStore();
      await store.put("config", pattern(10));
      expect(sameBytes(await store.get("config"), pattern(10))).toBe(true);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it.each([
    [503, "SlowDown", "store-failed", "later"],
    [500, "InternalError", "store-failed", "later"],
    [400, "RequestTimeout", "store-failed", "later"],
    [400, "InvalidRequest", "store-failed", "never"],
    [403, "QuotaExceeded", "store-full", "never"],
    [507, "InsufficientStorage", "store-full", "never"],
    [301, "PermanentRedirect", "store-refused", "never"],
  ])("reads the answer %i %s as %s, retry %s", async (status, name, code, retry) => {
    // A server of our own only for answers that a healthy store does not give on demand.
    const answering = createServer((request, response) => {
      request.resume();
      request.on("end", () => {
        response.writeHead(status, { "content-type": "application/xml" });
        response.end(`<?xml version="1.0"?><Error><Code>${name}</Code><Message>in the\u0007 store's own words</Message></Error>`);
      });
    });
    await new Promise<void>((resolve) => answering.listen(0, "127.0.0.1", resolve));
    try {
      const store = openStore({ endpoint: `http://127.0.0.1:${(answering.address() as AddressInfo).port}` });
      const error = await store.put("config", pattern(10)).catch((error: unknown) => error);
      expect(error).toMatchObject({ code, retry });
      expect((error as Error).message).toMatch(/^writing config in s3:http:.*in the store's own words$/);
    } finally {
      answering.closeAllConnections();
      await new Promise((resolve) => answering.close(resolve));
    }
  });
});

afterAll(() => Promise.all(opened.splice(0).map((store) => store.close())));

function proxyToServer(cutAfterBytes?: number) {
  const { hostname, port } = new URL(server.endpoint);
  return startTcpProxy({
    target: { address: hostname, port: Number(port) },
    ...(cutAfterBytes === undefined ? {} : { cutAfterBytes }),
  });
}
