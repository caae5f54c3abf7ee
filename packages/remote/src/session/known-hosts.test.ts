import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkHostKey } from "./host-key-check.ts";
import { findKnownKeys, knownHostName } from "./known-hosts.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-known-hosts-"));
const keys: Record<string, string> = {};

beforeAll(() => {
  for (const [name, type] of [
    ["one", "ed25519"],
    ["two", "ed25519"],
    ["rsa", "rsa"],
  ] as const) {
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", join(folder, name)]);
    keys[name] = readFileSync(join(folder, `${name}.pub`), "utf8").trim();
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const wire = (name: string) => Buffer.from((keys[name] ?? "").split(" ")[1] ?? "", "base64");
const find = (text: string, address: string, port = 22) => findKnownKeys(text, "/k", knownHostName(address, port));

describe("known_hosts", () => {
  test("names, lists, patterns, negation, ports, comments and unreadable lines are read as OpenSSH does", async () => {
    const text = [
      "# comment",
      "",
      `web1,10.0.0.1 ${keys.one} a comment`,
      `*.example,!bad.example ${keys.two}`,
      `[web1]:2222 ${keys.rsa}`,
      "garbage",
      `@cert-authority * ${keys.two}`,
    ].join("\n");
    expect((await find(text, "web1")).map((key) => [key.type, key.place])).toEqual([["ssh-ed25519", "/k:3"]]);
    expect((await find(text, "WEB1")).length).toBe(1);
    expect((await find(text, "a.example"))[0]?.key).toEqual(wire("two"));
    expect(await find(text, "bad.example")).toEqual([]);
    expect((await find(text, "web1", 2222)).map((key) => key.type)).toEqual(["ssh-rsa"]);
    expect(await find(text, "web2")).toEqual([]);
  });

  test("names that ssh-keygen hashed are found", async () => {
    const file = join(folder, "hashed");
    writeFileSync(file, `web1 ${keys.one}\n[web1]:2222 ${keys.two}\n`);
    execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
    const text = readFileSync(file, "utf8");
    expect(text).not.toContain("web1");
    expect((await find(text, "web1"))[0]?.key).toEqual(wire("one"));
    expect((await find(text, "web1", 2222))[0]?.key).toEqual(wire("two"));
    expect(await find(text, "web2")).toEqual([]);
  });
});

describe("the check of a host's key", () => {
  const host = { name: "web1", address: "10.0.0.1", port: 2222, hostKey: undefined };
  const fingerprint = (name: string) =>
    execFileSync("ssh-keygen", ["-lf", join(folder, `${name}.pub`)], { encoding: "utf8" }).split(" ")[1] ?? "";
  const check = async (text: string, key: string, hostKey?: string) =>
    checkHostKey(wire(key), {
      host: { ...host, hostKey },
      knownName: "[10.0.0.1]:2222",
      known: await find(text, "10.0.0.1", 2222),
      files: ["/k"],
    });

  test("a known key passes, one of several types too", async () => {
    await check(`[10.0.0.1]:2222 ${keys.one}\n[10.0.0.1]:2222 ${keys.rsa}`, "rsa");
  });

  test("an unknown key is refused with its fingerprint and the line to add", async () => {
    const error = await check("", "one").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "host-key-unknown" });
    expect((error as Error).message).toContain(fingerprint("one"));
    expect((error as { hint: string }).hint).toContain(`[10.0.0.1]:2222 ${keys.one}`);
  });

  test("another key is refused with both fingerprints, also one of another type", async () => {
    for (const shown of ["two", "rsa"]) {
      const error = await check(`[10.0.0.1]:2222 ${keys.one}`, shown).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "host-key-changed" });
      expect((error as Error).message).toContain(fingerprint("one"));
      expect((error as Error).message).toContain(fingerprint(shown));
    }
  });

  test("a revoked key is refused although it is known or pinned", async () => {
    const text = `[10.0.0.1]:2222 ${keys.one}\n@revoked * ${keys.one}\n@revoked [10.0.0.1]:2222 ${keys.one}`;
    await expect(check(text, "one")).rejects.toMatchObject({ code: "host-key-changed" });
    await expect(check(text, "one", fingerprint("one"))).rejects.toMatchObject({ code: "host-key-changed" });
  });

  test("a pinned fingerprint decides alone", async () => {
    await check(`[10.0.0.1]:2222 ${keys.two}`, "one", fingerprint("one"));
    await expect(check(`[10.0.0.1]:2222 ${keys.one}`, "one", fingerprint("two"))).rejects.toMatchObject({
      code: "host-key-changed",
    });
  });
});
