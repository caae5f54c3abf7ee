import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createTempFolder, ownAccountFiles, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { runLifeboat } from "./run-lifeboat.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const isRoot = process.getuid?.() === 0;
const account = "puller";
const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
/** As the README has it, for our account. */
const readingLine = /^ *backup (ALL=\(root\) NOPASSWD: \/.*)$/m.exec(readme)?.[1] ?? "";

describe.skipIf(!isRoot)("with the README's lines in sudoers (needs root, for an account of the host's own)", () => {
  let temp: TempFolder;
  let host: SshHost;
  let tree: string;
  const lifeboat = (...args: string[]) => runLifeboat(temp.path, ["--config", join(temp.path, "lifeboat.yaml"), ...args]);
  const allow = (line: string) => writeFileSync(join(host.folder, "own-etc-sudoers"), `${account} ${line}\n`);

  beforeAll(async () => {
    temp = await createTempFolder("sudoers");
    host = await startSshHost({ user: account, ownFiles: ownAccountFiles(account) });
    chmodSync(temp.path, 0o755);
    tree = join(temp.path, "tree");
    mkdirSync(join(tree, "cache"), { recursive: true });
    writeFileSync(join(tree, "file"), "content of root's file", { mode: 0o600 });
    writeFileSync(join(tree, "cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55", { mode: 0o600 });
    writeFileSync(join(tree, "cache/x"), "x");
    chmodSync(tree, 0o700);
    writeFileSync(join(temp.path, "password"), "correct horse\n", { mode: 0o600 });
    writeFileSync(
      join(temp.path, "lifeboat.yaml"),
      `version: 1
repositories: { main: { url: "${join(temp.path, "repository")}", password: { file: password } } }
control: { state: "${join(temp.path, "state")}" }
hosts:
  pc: { address: 127.0.0.1, port: ${host.port}, user: ${account}, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}", sudo: true }
policies:
  trees: { hosts: [pc], repository: main, exclude_caches: true, sources: [{ name: tree, type: files, paths: ["${tree}"] }] }
`,
    );
    expect(readingLine).toContain("/usr/bin/find");
    allow(readingLine);
    expect((await lifeboat("repo", "init", "--repo", "main")).exitCode).toBe(0);
  });
  afterAll(async () => {
    await host?.stop();
    await temp?.remove();
  });

  test("a source is checked, backed up and compared", async () => {
    const check = await lifeboat("host", "check", "pc");
    expect(check.exitCode, check.stdout + check.stderr).toBe(0);
    const run = await lifeboat("backup", "run", "pc/tree", "--here", "--json");
    expect(run.exitCode, run.stderr).toBe(0);
    const summary = JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "{}");
    expect(summary).toMatchObject({
      files_new: 2,
      host: { sudo: ["find", "tar", "xargs"], kernel: expect.stringContaining("Linux") },
    });
    const verified = await lifeboat("verify", "pc/tree", "--against", "live", "--sample", "100%");
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
  });

  test("a restore is refused by the line for reading alone; with the one for restores it also replaces what stands there", async () => {
    const target = join(temp.path, "restored");
    const restore = (...more: string[]) => lifeboat("restore", "pc/tree@latest", "--to", `pc:${target}`, ...more);
    const refused = await restore();
    expect([refused.exitCode === 0, refused.stderr]).toEqual([false, expect.stringContaining("sudo refused")]);
    expect(existsSync(target)).toBe(false);
    expect(readme).toContain("`/usr/bin/sh`");
    allow(`${readingLine}, /usr/bin/sh`);
    const first = await restore();
    expect(first.exitCode, first.stderr).toBe(0);
    const restored = join(target, tree, "file");
    expect(readFileSync(restored, "utf8")).toBe("content of root's file");
    writeFileSync(restored, "damaged");
    const again = await restore("--overwrite", "if-changed", "--read-back");
    expect(again.exitCode, again.stderr).toBe(0);
    expect(readFileSync(restored, "utf8")).toBe("content of root's file");
  });
});
