import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileRabin } from "./compile-rabin.ts";

test("the committed WebAssembly is what its source compiles to", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-rabin-"));
  try {
    await compileRabin(join(folder, "rabin.wasm"));
    const [fresh, committed] = await Promise.all([
      readFile(join(folder, "rabin.wasm")),
      readFile(new URL("../../assembly/rabin.wasm", import.meta.url)),
    ]);
    expect(fresh.equals(committed), "run: node packages/engine/src/chunker/compile-rabin.ts").toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
