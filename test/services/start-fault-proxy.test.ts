import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createBucket,
  type FaultProxy,
  type HttpFault,
  listObjectKeys,
  type ObjectStore,
  requestObjectStore,
  startFaultProxy,
  startObjectStore,
} from "./index.ts";

let direct: ObjectStore;
let proxy: FaultProxy;
let store: ObjectStore;
let bucket: string;
const body = Buffer.alloc(200_000, "some bytes ");

beforeAll(async () => {
  direct = await startObjectStore();
  proxy = await startFaultProxy(direct.endpoint);
  store = { ...direct, endpoint: proxy.endpoint };
  bucket = await createBucket(store);
}, 120_000);
afterAll(() => proxy?.stop());

const put = (name: string) => requestObjectStore(store, "PUT", `/${bucket}/${name}`, { body });
const get = async (name: string) =>
  Buffer.from(await (await requestObjectStore(store, "GET", `/${bucket}/${name}`)).arrayBuffer());
const stored = (name: string) => listObjectKeys(direct, bucket, name);

/** Breaks the first PUT or GET of that name, and then no more. */
async function under(method: string, effect: HttpFault["effect"], work: () => Promise<unknown>): Promise<void> {
  const planned = proxy.plan({ matches: (seen) => seen.method === method, at: 1, times: 1, effect });
  await work();
  planned.lift();
  expect(planned.fired).toHaveLength(1);
}

test("what no fault meets passes unchanged: signed requests, keys with odd characters, bodies, lists", async () => {
  const name = "a b/ü+&=%25.txt";
  expect((await put(name)).status).toBe(200);
  expect((await get(name)).equals(body)).toBe(true);
  expect(await listObjectKeys(store, bucket, "a b/")).toEqual([name]);
  expect(proxy.seen.at(-2)).toEqual({ method: "GET", path: `/${bucket}/${name}` });
});

test("an error is answered in the place of the server, which has done it or not", async () => {
  for (const done of [false, true]) {
    await under("PUT", { kind: "error", status: 503, code: "SlowDown", done }, async () => {
      const answer = await put(`error-${done}`);
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining("<Code>SlowDown</Code>")]);
    });
    expect(await stored(`error-${done}`)).toHaveLength(done ? 1 : 0);
  }
  expect((await put("error-false")).status).toBe(200);
});

test("a cut request is stored nowhere, and its sender is told by the connection alone", async () => {
  await under("PUT", { kind: "cut request", share: 0.5 }, () => expect(put("cut")).rejects.toThrow("fetch failed"));
  await under("PUT", { kind: "reset" }, () => expect(put("cut")).rejects.toThrow("fetch failed"));
  expect(await stored("cut")).toEqual([]);
});

test("a cut answer has its head and a part of its body", async () => {
  await put("whole");
  for (const share of [0, 0.5, 1]) {
    await under("GET", { kind: "cut answer", share }, async () => {
      const answer = await requestObjectStore(store, "GET", `/${bucket}/whole`);
      expect(answer.headers.get("content-length")).toBe(String(body.length));
      await expect(answer.arrayBuffer()).rejects.toThrow("terminated");
    });
  }
  expect((await get("whole")).equals(body)).toBe(true);
});

test("a slow answer comes whole", async () => {
  await put("slow");
  await under("GET", { kind: "slow", pieces: 5, pauseMs: 20 }, async () => {
    const began = performance.now();
    expect((await get("slow")).equals(body)).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(100);
  });
});

test("silence is no answer, whether the server has done it or not", async () => {
  for (const done of [false, true]) {
    await under("PUT", { kind: "silence", done }, async () => {
      const given = await Promise.race([put(`silent-${done}`), new Promise((resolve) => setTimeout(resolve, 500, "none"))]);
      expect(given).toBe("none");
    });
    expect(await stored(`silent-${done}`)).toHaveLength(done ? 1 : 0);
  }
});

test("it calls at each moment of the n-th request that matches", async () => {
  for (const moment of ["before", "half", "sent", "answered"] as const) {
    const before = (await stored("called")).length;
    const calls: string[] = [];
    const planned = proxy.plan({
      matches: ({ method }) => method === "PUT",
      at: 2,
      times: 1,
      effect: { kind: "call", moment, call: ({ path }) => calls.push(path) },
    });
    await put(`called-${moment}-1`);
    expect(calls).toEqual([]);
    await put(`called-${moment}-2`);
    await put(`called-${moment}-3`);
    planned.lift();
    expect(calls).toEqual([`/${bucket}/called-${moment}-2`]);
    expect(await stored("called")).toHaveLength(before + 3);
  }
});
