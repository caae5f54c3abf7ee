import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { program } from "./test-command-line.ts";

// The program's first file in a checkout of its own, whose main only tells which cache it has.
let outer: string;
let home: string;
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), "lifeboat-bin-"));
  home = join(outer, "home");
  mkdirSync(home);
  const bin = join(outer, "checkout/packages/cli/bin/lifeboat.js");
  write(bin, "");
  copyFileSync(program, bin);
  write(join(outer, "checkout/package.json"), '{ "type": "module" }');
  const main =
    'import module from "node:module";\nexport const main = () => console.log(module.getCompileCacheDir() ?? "none");\n';
  write(join(outer, "checkout/packages/cli/src/main.ts"), main);
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}

function run(...options: string[]): string {
  const args = [...options, join(outer, "checkout/packages/cli/bin/lifeboat.js")];
  const ended = spawnSync(process.execPath, args, { encoding: "utf8", env: { PATH: process.env.PATH, HOME: home } });
  return ended.stdout + ended.stderr;
}

test("compiled code is kept only in a folder that is ours alone", () => {
  const caches = [join(outer, "checkout/node_modules/.cache"), join(home, ".cache")];
  const [first = "", second = ""] = caches.map((cache) => join(cache, "lifeboat/compiled"));
  expect(run()).toContain(first);
  chmodSync(first, 0o777);
  expect(run()).toContain(second);
  chmodSync(second, 0o770);
  expect(run()).toBe("none\n");
  chmodSync(second, 0o700);
  rmSync(first, { recursive: true });
  symlinkSync(second, first);
  expect(run()).toContain(second);
  if (process.getuid?.() !== 0) return;
  chownSync(second, 12_345, 0);
  expect(run()).toBe("none\n");
});

test("an old Node starts a newer one only from the checkout or a folder that is ours alone", () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })";
  const runOld = () => run("--import", `data:text/javascript,${encodeURIComponent(old)}`);
  const node = `node_modules/node-linux-${process.arch}/bin/node`;
  write(join(outer, node), "#!/bin/sh\necho outer\n", 0o755);
  chmodSync(outer, 0o700);
  expect(runOld()).toBe("outer\n");
  chmodSync(outer, 0o777);
  expect(runOld()).toContain("needs Node 24");
  write(join(outer, "checkout", node), "#!/bin/sh\necho checkout\n", 0o755);
  chmodSync(join(outer, "checkout"), 0o775);
  expect(runOld()).toBe("checkout\n");
});
