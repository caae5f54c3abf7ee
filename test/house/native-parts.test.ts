import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;

test("everything runs on the Node 24 of node_modules", () => {
  expect(process.versions.node).toMatch(/^24\./);
  const { stdout } = spawnSync(join(root, "node_modules/.bin/node"), ["-p", "process.versions.node"], { encoding: "utf8" });
  expect(stdout).toMatch(/^24\./);
});

test("Node 24 loads ssh2's native part, without which a pull takes twice the time", () => {
  const require = createRequire(join(root, "package.json"));
  const binding = require("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node") as Record<string, unknown>;
  expect(Object.keys(binding)).toContain("AESGCMCipher");
});

test("what ssh2's native part has made can be collected as garbage without the end of the process", () => {
  const program = `
    const { AESGCMDecipher } = require("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node");
    let left = 20;
    const timer = setInterval(() => {
      for (let count = 0; count < 2000; count++) new AESGCMDecipher("aes-256-gcm", Buffer.alloc(32), Buffer.alloc(12));
      if (--left === 0) clearInterval(timer);
    }, 1);`;
  const { status, signal, stderr } = spawnSync(process.execPath, ["-e", program], { cwd: root, encoding: "utf8" });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
});

test("Node 24 loads sodium's native part", () => {
  const require = createRequire(join(root, "packages/engine/package.json"));
  const sodium = require("sodium-native") as { crypto_onetimeauth_BYTES: number };
  expect(sodium.crypto_onetimeauth_BYTES).toBe(16);
});

test("Node 24 loads the engine's native part, without which sealing takes three times as long", () => {
  const require = createRequire(join(root, "packages/engine/package.json"));
  expect(Object.keys(require("./native/build/blob-codec.node") as object)).toContain("seal");
});

test("Node 24 loads the part that acknowledges, without which each small answer of some stores takes 40 ms more", () => {
  const require = createRequire(join(root, "packages/engine/package.json"));
  const { acknowledge } = require("./native/build/acknowledge.node") as { acknowledge(descriptor: unknown): void };
  expect(() => acknowledge("x")).toThrow("a descriptor was expected");
  // No connection, and nothing at all.
  for (const descriptor of [0, -1, 1_000_000]) expect(acknowledge(descriptor)).toBeUndefined();
});

test("zstd and SQLite are built in", async () => {
  const { zstdCompressSync, zstdDecompressSync } = await import("node:zlib");
  expect(zstdDecompressSync(zstdCompressSync(Buffer.from("x"))).toString()).toBe("x");
  expect(typeof (await import("node:sqlite")).backup).toBe("function");
});

test("commands and programs of the service switch off the same compilers, at whose end Node may wait for ever", () => {
  const flagsIn = (path: string) => /setFlagsFromString\("([^"]+)"\)/.exec(readFileSync(join(root, path), "utf8"))?.[1];
  expect(flagsIn("packages/cli/bin/lifeboat.js")).toMatch(/--no-maglev/);
  expect(flagsIn("packages/host/src/program/run-program.ts")).toBe(flagsIn("packages/cli/bin/lifeboat.js"));
});
