import { spawnSync } from "node:child_process";
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

test("Node 24 loads sodium's native part", () => {
  const require = createRequire(join(root, "packages/engine/package.json"));
  const sodium = require("sodium-native") as { crypto_onetimeauth_BYTES: number };
  expect(sodium.crypto_onetimeauth_BYTES).toBe(16);
});

test("zstd and SQLite are built in", async () => {
  const { zstdCompressSync, zstdDecompressSync } = await import("node:zlib");
  expect(zstdDecompressSync(zstdCompressSync(Buffer.from("x"))).toString()).toBe("x");
  expect(typeof (await import("node:sqlite")).backup).toBe("function");
});
