import { expect, test } from "vitest";
import { parseRedisUrl } from "./redis-address.ts";

test("an address has its place without user and password, and its parts decoded", () => {
  expect(parseRedisUrl("rediss://u%40x:p%2Fw@redis.example:6380/3")).toEqual({
    place: "redis.example:6380",
    options: { host: "redis.example", port: 6380, username: "u@x", password: "p/w", db: 3, tls: {} },
  });
  expect(parseRedisUrl("redis://127.0.0.1")).toEqual({ place: "127.0.0.1:6379", options: { host: "127.0.0.1", port: 6379 } });
  expect(parseRedisUrl("redis://[::1]:7000").options).toEqual({ host: "::1", port: 7000 });
  for (const url of ["unix:/run/r.sock", "unix:///run/r.sock"])
    expect(parseRedisUrl(url).options).toEqual({ path: "/run/r.sock" });
});

test.each(["redis:/secret-word", "http://u:secret-word@h", "unix:secret-word", ""])(
  "what is no address is refused without showing it",
  (url) => {
    expect(() => parseRedisUrl(url)).toThrow(/^control\.redis\.url is neither/);
  },
);
