import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTempFolder, runCommand, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { prepareTreeBackup } from "./prepare-tree-backup.ts";

const isRoot = process.getuid?.() === 0;
const account = "nobody";
/** More than two batches; tar's words about one of them are 7 MiB, because of the length of the paths. */
const count = 10_000;

describe.runIf(isRoot)("a login that may read next to nothing (needs root to make one)", () => {
  let temp: TempFolder;
  let ssh: SshHost;
  const place = (name: string) => join(temp.path, name);

  beforeAll(async () => {
    temp = await createTempFolder("unreadable");
    chmodSync(temp.path, 0o755);
    // It has a login shell in the eyes of this sshd only.
    const lines = (await runCommand("getent", ["passwd"])).stdout.split("\n").map((line) => line.split(":"));
    const passwd = lines.map((fields) => (fields[0] === account ? [...fields.slice(0, 6), "/bin/sh"] : fields).join(":"));
    ssh = await startSshHost({ user: account, ownFiles: { "/etc/passwd": { content: passwd.join("\n"), mode: 0o644 } } });
  }, 60_000);
  afterAll(async () => {
    await ssh?.stop();
    await temp?.remove();
  });

  test("thousands of files that cannot be read make the run incomplete: some are named, all are counted, the rest is stored", async () => {
    const tree = place("tree");
    const deep = join(tree, ...Array.from({ length: 8 }, () => "long".repeat(50)));
    mkdirSync(deep, { recursive: true });
    for (let file = 0; file < count; file++) writeFileSync(join(deep, `${file}`), "secret", { mode: 0o600 });
    writeFileSync(join(tree, "readable"), "public");
    const lifeboat = await prepareTreeBackup(temp.path, ssh, tree);
    const run = await lifeboat("backup", "run", "web1/tree", "--here");
    const said = run.stdout + run.stderr;
    expect(run.exitCode, said.slice(0, 5000)).toBe(3);
    expect(said).toMatch(/10000 paths could not be read as they should, first: Cannot open: Permission denied/);
    // The first ten, of 1600 bytes each.
    expect(said.length).toBeLessThan(30_000);
    const printed = await lifeboat("cat", `web1/tree@latest:${join(tree, "readable")}`);
    expect(printed.stdout, printed.stderr).toBe("public");
  }, 240_000);
});
