import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTempFolder, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { prepareTreeBackup } from "./prepare-tree-backup.ts";

const isRoot = process.getuid?.() === 0;
const tarProgram = "/usr/bin/tar";
/** Of all file systems that are everywhere only this one takes files of that size. */
const memory = "/dev/shm";

describe.runIf(isRoot)(
  "a host on which files grow after they were listed (needs root to put a tar in the place of the host's)",
  () => {
    let temp: TempFolder;
    let ssh: SshHost;
    let tree: string;
    const place = (name: string) => join(temp.path, name);

    beforeAll(async () => {
      temp = await createTempFolder("grown-file");
      tree = mkdtempSync(join(memory, "lifeboat-grown-"));
      copyFileSync(tarProgram, place("tar"));
      chmodSync(place("tar"), 0o755);
      // The listing is done when the first tar starts.
      const grow = `mkdir ${place("grown")} && truncate -s 9007199254740993 ${tree}/beyond && truncate -s 3G ${tree}/within`;
      const content = `#!/bin/sh\ncase " $* " in *" --create "*) ${grow};; esac\nexec ${place("tar")} "$@"\n`;
      ssh = await startSshHost({ ownFiles: { [tarProgram]: { content, mode: 0o755 } } });
    }, 60_000);
    afterAll(async () => {
      await ssh?.stop();
      await temp?.remove();
      if (tree !== undefined) rmSync(tree, { recursive: true, force: true });
    });

    test("one beyond 2^53 bytes is named and makes the run incomplete, one that stays within is stored as it is now, and so are all others", async () => {
      for (const name of ["a", "beyond", "middle", "within", "z"]) writeFileSync(join(tree, name), `content of ${name}`);
      const lifeboat = await prepareTreeBackup(temp.path, ssh, tree);
      const run = await lifeboat("backup", "run", "web1/tree", "--here");
      const said = run.stdout + run.stderr;
      expect(run.exitCode, said).toBe(3);
      expect(said).toMatch(/beyond.*File too large: about 900719925474099/);
      expect(said).not.toContain("within");
      const listed = await lifeboat("ls", `web1/tree@latest:${tree}`, "--json");
      const nodes = listed.stdout.split("\n").filter((line) => line.includes('"file"'));
      const sizes = nodes.map((line) => JSON.parse(line) as { name: string; size: number }).map(({ name, size }) => [name, size]);
      expect(Object.fromEntries(sizes), listed.stderr).toEqual({ a: 12, middle: 17, within: 3 * 1024 ** 3, z: 12 });
      for (const name of ["a", "middle", "z"]) {
        const printed = await lifeboat("cat", `web1/tree@latest:${join(tree, name)}`);
        expect(printed.stdout, printed.stderr).toBe(`content of ${name}`);
      }
    }, 240_000);
  },
);
