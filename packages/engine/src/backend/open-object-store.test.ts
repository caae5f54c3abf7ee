import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import { createBucket, startObjectStore } from "../../../../test/services/index.ts";
import { collectList, expectCode, pattern, sameBytes } from "./contract/object-store-contract.ts";
import { injectFaults } from "./faulty/inject-faults.ts";
import { openObjectStore } from "./open-object-store.ts";
import { describeUrl, parseRepositoryUrl } from "./repository-url.ts";

const clock: Clock = { now: () => 0, sleep: async () => {} };

describe("repository URLs", () => {
  const s3 = (endpoint: string, bucket: string, prefix: string) => ({ kind: "s3", address: { endpoint, bucket, prefix } });
  it.each([
    ["/srv/repo", { kind: "local", path: "/srv/repo" }],
    ["/srv/repo/", { kind: "local", path: "/srv/repo" }],
    ["local:/srv/a:b", { kind: "local", path: "/srv/a:b" }],
    ["repo", { kind: "local", path: join(process.cwd(), "repo") }],
    ["s3:http://127.0.0.1:8080/bucket", s3("http://127.0.0.1:8080", "bucket", "")],
    ["s3:http://[::1]:8080/bucket/a/b/", s3("http://[::1]:8080", "bucket", "a/b")],
    ["s3:https://s3.example.com/bucket//x", s3("https://s3.example.com", "bucket", "x")],
    ["s3:s3.example.com/bucket/x", s3("https://s3.example.com", "bucket", "x")],
    ["s3:s3.example.com:9000/bucket", s3("https://s3.example.com:9000", "bucket", "")],
    ["s3://s3.example.com/bucket/x%20y", s3("https://s3.example.com", "bucket", "x y")],
  ])("reads %s as restic does", (url, place) => {
    expect(parseRepositoryUrl(url)).toEqual(place);
  });

  it.each([
    "",
    "local:",
    "sftp:user@host:/srv",
    "rest:http://host/",
    "s3:",
    "s3:host",
    "s3:http://host/",
    "s3:http://host/ab",
    "s3:host/bucket?x=1",
    "s3:http://host:99999/bucket",
    "s3:host/bucket/%zz",
  ])("refuses %j with the way to write it", (url) => {
    expect(() => parseRepositoryUrl(url)).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.stringContaining("/srv/repo") }),
    );
  });

  it("shows no secret that stands in a URL", () => {
    const url = "s3:https://AKIA:geheim@host/bucket?secret=geheim";
    expect(() => parseRepositoryUrl(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining("geheim") }));
    expect(describeUrl(url)).toBe("s3:https://***@host/bucket");
    expect(describeUrl("rest:https://user:geheim@host/")).toBe("rest:https://***@host/");
    expect(describeUrl("s3:host/bucket/")).toBe("s3:https://host/bucket");
  });
});

describe("opening a store", () => {
  it("opens a folder and an S3 store by their URLs, with retries around both", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lifeboat-open-store-"));
    const server = await startObjectStore();
    try {
      for (const url of [`${folder}/repo`, `s3:${server.endpoint}/${await createBucket(server)}/a/b`]) {
        const retried: string[] = [];
        const store = await openObjectStore(
          { url, credentials: server, region: server.region },
          {
            clock,
            onRetry: (event) => retried.push(event.what),
            wrap: (bare) => injectFaults(bare, [{ name: "fails once", operation: "put", at: 1, effect: { kind: "fail" } }]),
          },
        );
        expect(store.url).toBe(url);
        await store.put("config", pattern(1000));
        expect(sameBytes(await store.get("config"), pattern(1000))).toBe(true);
        expect(await collectList(store, "")).toMatchObject([{ name: "config", size: 1000 }]);
        expect(await store.serverTime?.()).toBeTypeOf("number");
        await expectCode(store.get("none"), "object-missing");
        expect(retried).toEqual(["put config"]);
        await store.close();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 120_000);
});
