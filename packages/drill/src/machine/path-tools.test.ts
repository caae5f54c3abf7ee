import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "@lifeboat/model";
import { LocalMachine } from "@lifeboat/remote";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cleanEnvironment, runCommand } from "../../../../test/services/index.ts";
import type { DrillContext } from "../drill-context.ts";
import { runDetaching } from "../steps/run-drill-command.ts";
import { pathExists, removeTree } from "./path-tools.ts";

const isRoot = process.getuid?.() === 0;
const { signal } = new AbortController();
const machine = new LocalMachine({ env: { PATH: cleanEnvironment().PATH ?? "" } });
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lb-paths-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The same machine for an account that permissions stop. */
function asNobody(): Machine {
  if (!isRoot) return machine;
  const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  return new Proxy(machine, {
    get(from, name) {
      if (name === "run") return (argv: string[], options: never) => from.run([...prefix, ...argv], options);
      const value = Reflect.get(from, name);
      return typeof value === "function" ? value.bind(from) : value;
    },
  });
}

describe("removing a tree", () => {
  it.runIf(isRoot)(
    "leaves all of it when a folder of the same disk is mounted in it, also through a link (needs root)",
    async () => {
      const outside = join(folder, "outside");
      const tree = join(folder, "a tree");
      const inside = join(tree, "in\\side");
      for (const path of [outside, tree, inside]) await mkdir(path);
      await writeFile(join(outside, "precious"), "x");
      await writeFile(join(tree, "own"), "x");
      await symlink(folder, join(folder, "link"));
      await runCommand("mount", ["--bind", outside, inside]);
      try {
        for (const path of [tree, inside, join(folder, "link", "a tree")]) {
          await expect(removeTree(machine, path, signal)).rejects.toThrow(`left: a mount is inside, at ${inside}`);
        }
        expect(await readFile(join(outside, "precious"), "utf8")).toBe("x");
        expect(await readFile(join(tree, "own"), "utf8")).toBe("x");
      } finally {
        await runCommand("umount", [inside]);
      }
      await removeTree(machine, tree, signal);
      expect(await pathExists(machine, tree, signal)).toBe(false);
      expect(await readFile(join(outside, "precious"), "utf8")).toBe("x");
    },
  );

  it("opens folders that are closed to their owner, one within the other", async () => {
    const tree = join(folder, "tree");
    const deep = join(tree, "one", "two", "three");
    await mkdir(deep, { recursive: true });
    await writeFile(join(deep, "file"), "x");
    if (isRoot) await runCommand("chown", ["-R", "65534:65534", folder]);
    for (const path of [deep, join(tree, "one", "two"), join(tree, "one"), tree]) await chmod(path, 0);
    await removeTree(asNobody(), tree, signal);
    expect(await pathExists(machine, tree, signal)).toBe(false);
  });

  it("is content when there is nothing, not even the folder above", async () => {
    await expect(removeTree(machine, join(folder, "no", "such"), signal)).resolves.toBeUndefined();
  });
});

it("a step's output is for the drill's user alone, while the program keeps its own umask", async () => {
  const context = {
    plan: { run: "token" },
    targets: new Map(),
    machines: new Map([[undefined, machine]]),
    workFolders: new Map([[undefined, folder]]),
    mask: (text: string) => text,
  } as unknown as DrillContext;
  const before = process.umask(0o022);
  try {
    const command = ["sh", "-c", 'umask; : >"$1"', "sh", join(folder, "made")];
    expect(await runDetaching(context, "one", command, undefined, signal)).toMatchObject({ status: 0, output: "0022\n" });
  } finally {
    process.umask(before);
  }
  expect((await stat(join(folder, "output-one"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "made"))).mode & 0o777).toBe(0o644);
});
