import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createBucket, startObjectStore } from "../../../../../../test/services/index.ts";
import { collectStream, describeObjectStore, pattern, sameBytes } from "../../contract/object-store-contract.ts";
import { createS3Store } from "../s3-object-store.ts";
import { parseResponseHead } from "./response-head.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** A server that plays back one answer per request, for answers that no healthy store gives. */
async function openStoreOn(answers: readonly (string | ((socket: Socket) => void))[]) {
  const requests: string[] = [];
  let connections = 0;
  const port = await listen(
    createServer((socket) => {
      connections++;
      socket.on("data", (data) => {
        const answer = answers[Math.min(requests.length, answers.length - 1)]!;
        requests.push(data.toString("latin1"));
        if (typeof answer === "string") socket.write(answer, "latin1");
        else answer(socket);
      });
    }),
  );
  const store = createS3Store({
    address: { endpoint: `http://127.0.0.1:${port}`, bucket: "bucket", prefix: "" },
    credentials: { accessKeyId: "AKID", secretAccessKey: "secret" },
    idleTimeoutMs: 2000,
    clock: { now: () => Date.now(), sleep: (milliseconds) => wait(milliseconds) },
  });
  cleanups.push(() => store.close());
  return { store, requests, connections: () => connections };
}

const plain = (body: string, more = "") => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

describe("direct GET", () => {
  it("uses one connection for many answers, and a new one after the server closed it", async () => {
    const { store, connections } = await openStoreOn([
      plain("one"),
      plain("two"),
      (socket) => socket.end(plain("three")),
      plain("four"),
    ]);
    for (const text of ["one", "two", "three"]) expect(Buffer.from(await store.get("config")).toString()).toBe(text);
    expect(connections()).toBe(1);
    expect(Buffer.from(await store.get("config")).toString()).toBe("four");
    expect(connections()).toBe(2);
  });

  it("asks again on a new connection when a kept one was reset while the request was on its way", async () => {
    const { store, requests } = await openStoreOn([plain("one"), (socket) => socket.resetAndDestroy(), plain("two")]);
    await store.get("config");
    expect(Buffer.from(await store.get("config")).toString()).toBe("two");
    expect(requests).toHaveLength(3);
  });

  it("takes a connection no further that said it would close", async () => {
    const { store, connections } = await openStoreOn([plain("one", "Connection: close\r\n"), plain("two")]);
    await store.get("config");
    await store.get("config");
    expect(connections()).toBe(2);
  });

  it("leaves answers without a length to the ordinary way", async () => {
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";
    const { store, requests } = await openStoreOn([chunked]);
    const error = await store.get("config").catch((error: unknown) => error);
    // A store that says no length gives no way to see a short answer: refused, but only after both ways were tried.
    expect(error).toMatchObject({ code: "store-failed", retry: "later" });
    expect(requests).toHaveLength(2);
  });

  it("puts a head together that arrives byte by byte, and a body behind it", async () => {
    const { store } = await openStoreOn([
      (socket) => {
        const bytes = [...plain("body")];
        const next = () => {
          const byte = bytes.shift();
          if (byte === undefined || socket.destroyed) return;
          socket.write(byte, "latin1", () => setImmediate(next));
        };
        socket.setNoDelay(true);
        next();
      },
    ]);
    expect(Buffer.from(await store.get("config")).toString()).toBe("body");
  });

  it("acknowledges a head at once, so that a server that waits for that sends the body", async () => {
    // Nagle's algorithm is on: the body, which fills no packet, goes out when the head is acknowledged, by itself 40 ms later.
    const { store } = await openStoreOn([
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        socket.write("body");
      },
    ]);
    await store.get("config");
    const began = performance.now();
    for (let count = 0; count < 100; count++) await store.get("config");
    expect(performance.now() - began).toBeLessThan(100 * 30);
  });

  it.each([
    ["no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nbody"],
    ["a header without a name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 3\r\n\r\none"],
  ])("ends the connection on %s", async (_, answer) => {
    const { store } = await openStoreOn([answer]);
    expect(await store.get("config").catch((error: unknown) => error)).toMatchObject({
      code: "store-unreachable",
      retry: "later",
    });
  });

  it("never takes bytes behind an answer for the next one", async () => {
    const { store, connections } = await openStoreOn([`${plain("one")}${plain("forged")}`, plain("two")]);
    expect(Buffer.from(await store.get("config")).toString()).toBe("one");
    expect(Buffer.from(await store.get("config")).toString()).toBe("two");
    expect(connections()).toBe(2);
  });

  it("gives up on a body that stands still", async () => {
    const { store } = await openStoreOn([`HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst`]);
    expect(await store.get("config").catch((error: unknown) => error)).toMatchObject({ code: "store-failed", retry: "later" });
  });

  it("stops the sender while nobody reads", async () => {
    let written = 0;
    const total = 64 * 1024 * 1024;
    const { store } = await openStoreOn([
      (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
        const part = Buffer.alloc(64 * 1024, 1);
        const next = () => {
          if (written >= total || socket.destroyed) return;
          written += part.length;
          socket.write(part, next);
        };
        next();
      },
    ]);
    const stream = (await store.getStream("config"))[Symbol.asyncIterator]();
    await stream.next();
    // Until two looks in a row see the same: what the two sockets hold is the kernel's choice, but it is not 64 MiB.
    for (let before = -1; before !== written; ) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(written).toBeLessThan(total / 2);
    let received = 256 * 1024;
    for (let part = await stream.next(); part.done !== true; part = await stream.next()) received += part.value.length;
    expect(received).toBe(total);
  });

  it("asks for no name's sake: what it sends is one well-formed request", async () => {
    const { store, requests } = await openStoreOn([plain("one")]);
    await store.get("data/a b+ä?&#");
    expect(requests[0]).toMatch(/^GET \/bucket\/data\/a%20b%2B%C3%A4%3F%26%23 HTTP\/1\.1\r\n/);
    expect(requests[0]).toMatch(/\r\nauthorization: AWS4-HMAC-SHA256 /i);
    expect(requests[0]?.endsWith("\r\n\r\n")).toBe(true);
    expect(requests).toHaveLength(1);
  });

  it("leaves to the SDK what only the SDK gets, from then on at once", async () => {
    const refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    const { store, requests } = await openStoreOn([refused, plain("one"), plain("two")]);
    expect(Buffer.from(await store.get("config")).toString()).toBe("one");
    expect(Buffer.from(await store.get("config")).toString()).toBe("two");
    expect(requests.map((request) => request.split("\r\n")[0])).toEqual([
      "GET /bucket/config HTTP/1.1",
      "GET /bucket/config?x-id=GetObject HTTP/1.1",
      "GET /bucket/config?x-id=GetObject HTTP/1.1",
    ]);
  });

  it.each([
    ["a store that is busy at first", ["HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"]],
    ["an object that comes between two looks", ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]],
    ["a refusal after successes", [plain("zero"), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]],
  ])("goes the short way again after %s", async (_, before) => {
    const { store, requests } = await openStoreOn([...before, plain("one"), plain("two")]);
    for (const text of [...(before.length > 1 ? ["zero"] : []), "one", "two"]) {
      expect(Buffer.from(await store.get("config")).toString()).toBe(text);
    }
    expect(requests.at(-2)).toMatch(/^GET \/bucket\/config\?x-id/);
    expect(requests.at(-1)).toMatch(/^GET \/bucket\/config HTTP/);
  });

  it("takes the store's time where this machine's clock is wrong, and goes the short way with it", async () => {
    const hour = 3_600_000;
    const skewed = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    const { store, requests } = await openStoreOn([
      (socket) => {
        const [, ...parts] = /x-amz-date: (\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(requests.at(-1)!)!;
        const [year, month, day, ...time] = parts.map(Number) as [number, number, number, number, number, number];
        const signed = Date.UTC(year, month - 1, day, ...time);
        const date = `Date: ${new Date(Date.now() + hour).toUTCString()}\r\n`;
        if (Math.abs(signed - Date.now() - hour) < 60_000) socket.write(plain("one", date));
        else socket.write(`HTTP/1.1 403 Forbidden\r\n${date}Content-Length: ${skewed.length}\r\n\r\n${skewed}`);
      },
    ]);
    expect(await store.get("config").catch((error: unknown) => error)).toMatchObject({ code: "store-refused", retry: "later" });
    expect(Buffer.from(await store.get("config")).toString()).toBe("one");
    expect(requests.at(-1)).toMatch(/^GET \/bucket\/config HTTP/);
  });

  it("has room for each of many answers that come in one piece", async () => {
    for (const length of [300, 4000, 60_000]) {
      const { store, connections } = await openStoreOn([plain("x".repeat(length))]);
      for (let count = 0; count < 300; count++) expect((await store.get("config")).length).toBe(length);
      expect(connections()).toBe(1);
    }
  });

  it("takes a part for no whole", async () => {
    const part = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-2/9\r\nContent-Length: 3\r\n\r\none";
    const { store } = await openStoreOn([part]);
    expect(await store.get("config").catch((error: unknown) => error)).toMatchObject({ code: "store-failed" });
  });

  it("lets the SDK say why an object is not to be had, and gets the next one by itself", async () => {
    const missing = `HTTP/1.1 404 Not Found\r\nContent-Length: 40\r\n\r\n${"<Error><Code>NoSuchKey</Code></Error>".padEnd(40)}`;
    const { store, requests } = await openStoreOn([missing, missing, plain("two")]);
    expect(await store.get("config").catch((error: unknown) => error)).toMatchObject({ code: "object-missing" });
    expect(Buffer.from(await store.get("config")).toString()).toBe("two");
    expect(requests.at(-1)).toMatch(/^GET \/bucket\/config HTTP/);
    expect(requests).toHaveLength(3);
  });
});

describe("signed PUT", () => {
  const answer = (status: string, body = "") => `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const bytes = Buffer.from("content");
  const lines = (requests: readonly string[]) =>
    requests.filter((text) => text.startsWith("PUT")).map((text) => text.split("\r\n")[0]);

  it("is one request with length, type and the hash of what it sends", async () => {
    const { store, requests } = await openStoreOn([answer("200 OK")]);
    await store.put("data/a b", bytes);
    const all = requests.join("");
    expect(all).toMatch(/^PUT \/bucket\/data\/a%20b HTTP\/1\.1\r\n/);
    expect(all).toContain("\r\ncontent-length: 7\r\n");
    expect(all).toContain("\r\ncontent-type: application/octet-stream\r\n");
    expect(all).toContain(`\r\nx-amz-content-sha256: ${createHash("sha256").update(bytes).digest("hex")}\r\n`);
    expect(all).toMatch(/\r\n\r\ncontent$/);
  });

  it("is sent once to a store that is busy, and its words are told", async () => {
    const { store, requests } = await openStoreOn([
      answer("503 Slow Down", "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"),
    ]);
    expect(await store.put("config", bytes).catch((error: unknown) => error)).toMatchObject({
      code: "store-failed",
      retry: "later",
      message: expect.stringMatching(/HTTP 503 SlowDown Reduce your request rate\.$/),
    });
    expect(lines(requests)).toHaveLength(1);
  });

  it("knows a full store", async () => {
    const { store } = await openStoreOn([answer("507 Insufficient Storage", "<Error><Code>XMinioStorageFull</Code></Error>")]);
    expect(await store.put("config", bytes).catch((error: unknown) => error)).toMatchObject({ code: "store-full" });
  });

  it("lets the SDK say why it is refused", async () => {
    const refused = answer("403 Forbidden", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    const { store, requests } = await openStoreOn([refused]);
    expect(await store.put("config", bytes).catch((error: unknown) => error)).toMatchObject({ code: "store-refused" });
    expect(lines(requests)).toEqual(["PUT /bucket/config HTTP/1.1", "PUT /bucket/config?x-id=PutObject HTTP/1.1"]);
  });

  it("bounds what a store says without end", async () => {
    const { store } = await openStoreOn([
      (socket) => {
        socket.write(`HTTP/1.1 500 Oops\r\nContent-Length: ${1e12}\r\n\r\n`);
        const more = () => !socket.destroyed && socket.write("x".repeat(65_536), more);
        more();
      },
    ]);
    expect(await store.put("config", bytes).catch((error: unknown) => error)).toMatchObject({ code: "store-failed" });
  });
});

it("reads a head once it is whole, and only then", () => {
  const text = 'HTTP/1.1 206 Partial Content\r\nETag: "x"\r\nContent-Length:5 \r\n\r\nhello';
  expect(parseResponseHead(Buffer.from(text.slice(0, 40)))).toBeUndefined();
  expect(parseResponseHead(Buffer.from(text))).toMatchObject({
    status: 206,
    headers: { etag: '"x"', "content-length": "5" },
    length: text.length - 5,
  });
});

describe("S3 over TLS", () => {
  let folder: string;
  let caPem: string;
  let closeServer: () => Promise<unknown>;
  let endpoint: string;
  let server: Awaited<ReturnType<typeof startObjectStore>>;
  const start = async () => {
    server = await startObjectStore();
    if (endpoint !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), "lifeboat-s3-tls-"));
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=lifeboat-test".split(" "),
        ..."-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem".split(" "),
      ],
      { cwd: folder, stdio: "ignore" },
    );
    caPem = readFileSync(join(folder, "cert.pem"), "utf8");
    const { hostname, port } = new URL(server.endpoint);
    const sockets = new Set<Socket>();
    const tls = createTlsServer({ key: readFileSync(join(folder, "key.pem")), cert: caPem }, (client) => {
      const upstream = connect(Number(port), hostname);
      for (const socket of [client, upstream]) sockets.add(socket.on("error", () => {}));
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
    endpoint = `https://127.0.0.1:${(tls.address() as AddressInfo).port}`;
    closeServer = () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => tls.close(resolve));
    };
  };
  beforeAll(start, 120_000);
  afterAll(async () => {
    await closeServer?.();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  describeObjectStore(
    "S3 over TLS",
    async () => {
      await start();
      const bucket = await createBucket(server);
      const store = createS3Store({ address: { endpoint, bucket, prefix: "p" }, credentials: server, caPem });
      return { store, cleanup: () => store.close() };
    },
    120_000,
  );

  it("carries large objects unharmed, read slowly and at once", async () => {
    const bucket = await createBucket(server);
    const store = createS3Store({ address: { endpoint, bucket, prefix: "" }, credentials: server, caPem });
    const bytes = pattern(20_000_000);
    await store.put("data/large", bytes);
    expect(sameBytes(await store.get("data/large"), bytes)).toBe(true);
    const slow = await store.getStream("data/large");
    const parts: Uint8Array[] = [];
    for await (const part of slow) {
      parts.push(part);
      if (parts.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(sameBytes(Buffer.concat(parts), bytes)).toBe(true);
    expect(sameBytes(await collectStream(await store.getStream("data/large", { offset: 7 })), bytes.subarray(7))).toBe(true);
    await store.close();
  });

  it("carries small objects one after the other, however their bytes arrive", async () => {
    const bucket = await createBucket(server);
    const store = createS3Store({ address: { endpoint, bucket, prefix: "" }, credentials: server, caPem });
    for (const [length, times] of [
      [4000, 80],
      [60_000, 30],
      [150_000, 20],
    ] as const) {
      const bytes = pattern(length);
      await store.put("data/small", bytes);
      for (let count = 0; count < times; count++) expect(sameBytes(await store.get("data/small"), bytes)).toBe(true);
    }
    await store.close();
  }, 60_000);

  it("refuses a certificate that nobody vouches for", async () => {
    const store = createS3Store({ address: { endpoint, bucket: randomUUID(), prefix: "" }, credentials: server });
    for (const work of [() => store.get("config"), () => store.put("config", pattern(10))]) {
      const error = await work().catch((error: unknown) => error);
      expect(error).toMatchObject({
        code: "store-unreachable",
        retry: "never",
        hint: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
      });
    }
    await store.close();
  });
});
