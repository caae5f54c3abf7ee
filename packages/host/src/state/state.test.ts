import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { systemRandom } from "../random/random.ts";
import { readInstallId } from "./install-id.ts";
import { openOwnLocks } from "./own-locks.ts";
import { takeProgramLock } from "./program-lock.ts";
import { ensureStateFolder, findStateFolder } from "./state-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("state folder", () => {
  test("is the flag's, then the configuration's, then the user's default", () => {
    const environment = { HOME: "/home/u", XDG_STATE_HOME: "/x" };
    expect(findStateFolder({ flag: "/f", configured: "/c", environment, root: true })).toBe("/f");
    expect(findStateFolder({ configured: "/c", environment, root: true })).toBe("/c");
    expect(findStateFolder({ environment, root: true })).toBe("/var/lib/lifeboat");
    expect(findStateFolder({ environment, root: false })).toBe("/x/lifeboat");
    expect(findStateFolder({ environment: { HOME: "/home/u", XDG_STATE_HOME: "rel" }, root: false })).toBe(
      "/home/u/.local/state/lifeboat",
    );
  });

  test("is made for its owner alone, and a file in its place is an error", () => {
    expect(statSync(ensureStateFolder(join(folder, "a/b"))).mode & 0o777).toBe(0o700);
    writeFileSync(join(folder, "file"), "");
    expect(() => ensureStateFolder(join(folder, "file"))).toThrow(/state folder .*file cannot be used/);
  });

  test("keeps one install id, also when a draft of a killed command lies there", () => {
    const home = ensureStateFolder(join(folder, "id"));
    writeFileSync(join(home, "install-id.draft"), "x");
    const id = readInstallId(home, systemRandom());
    expect(readInstallId(home, systemRandom())).toBe(id);
    expect(readFileSync(join(home, "install-id"), "utf8")).toBe(`${id}\n`);
    writeFileSync(join(home, "install-id"), "nonsense");
    expect(() => readInstallId(home, systemRandom())).toThrow("is not a uuid");
  });
});

describe("the service's lock", () => {
  test("is one process's, is free after it, and after a kill", async () => {
    const home = ensureStateFolder(join(folder, "service"));
    const take = () => takeProgramLock(home, "up", systemRandom());
    const held = take();
    expect(take).toThrow(`process ${process.pid} already runs 'up'`);
    held[Symbol.dispose]();
    const module = new URL("./program-lock.ts", import.meta.url).pathname;
    const randomModule = new URL("../random/random.ts", import.meta.url).pathname;
    const program = `import { takeProgramLock } from ${JSON.stringify(module)};
      import { systemRandom } from ${JSON.stringify(randomModule)};
      takeProgramLock(${JSON.stringify(home)}, "up", systemRandom()); console.log("held"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(take).toThrow(`process ${child.pid} already runs 'up'`);
    child.kill("SIGKILL");
    await once(child, "exit");
    take()[Symbol.dispose]();
    expect(readdirSync(home)).toEqual([]);
  });
});

describe("own locks", () => {
  const repositoryId = "ab".repeat(32);
  const ownModule = new URL("./own-locks.ts", import.meta.url).pathname;

  test("of a killed process are dead, of a living one and of this one are not", async () => {
    const locks = openOwnLocks(folder);
    const start = async (lockId: string) => {
      const program = `import { openOwnLocks } from ${JSON.stringify(ownModule)};
        openOwnLocks(${JSON.stringify(folder)}).registerLock({ repositoryId: "${repositoryId}", lockId: "${lockId}" });
        console.log("held"); setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      return child;
    };
    const [killed, living] = await Promise.all([start("11".repeat(32)), start("22".repeat(32))]);
    locks.registerLock({ repositoryId, lockId: "33".repeat(32) });
    expect(locks.deadLocks(repositoryId)).toEqual([]);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(locks.deadLocks(repositoryId)).toEqual(["11".repeat(32)]);
    locks.abandonLock({ repositoryId, lockId: "33".repeat(32) });
    expect(locks.deadLocks(repositoryId).sort()).toEqual(["11".repeat(32), "33".repeat(32)]);
    locks.forgetLock({ repositoryId, lockId: "33".repeat(32) });
    locks.forgetLock({ repositoryId, lockId: "11".repeat(32) });
    locks.forgetLock({ repositoryId, lockId: "11".repeat(32) });
    expect(locks.deadLocks(repositoryId)).toEqual([]);
    living.kill("SIGKILL");
    await once(living, "exit");
  });

  test("of a process whose number was given to another one are dead; of another container or half written they are unknown", () => {
    const locks = openOwnLocks(folder);
    const repository = "cd".repeat(32);
    const note = (lockId: string, change: object) => {
      locks.registerLock({ repositoryId: repository, lockId });
      const path = join(folder, "locks", repository, lockId);
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
    };
    note("aa".repeat(32), { startTicks: "1" });
    note("bb".repeat(32), { bootId: "earlier" });
    note("cc".repeat(32), { pidNamespace: "pid:[1]" });
    writeFileSync(join(folder, "locks", repository, "dd".repeat(32)), '{"pid":');
    expect(locks.deadLocks(repository).sort()).toEqual(["aa".repeat(32), "bb".repeat(32)]);
  });

  test("never leave their folder", () => {
    const locks = openOwnLocks(folder);
    expect(() => locks.registerLock({ repositoryId, lockId: "../../escape" })).toThrow("not a hexadecimal id");
    expect(existsSync(join(folder, "escape"))).toBe(false);
  });
});
