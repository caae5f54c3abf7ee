import { cp, mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { openObjectStore, openRepository, RepositoryLock } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { findStockRestic, type ResticVersion, runCommand } from "../services/index.ts";
import { createExampleBackups, type ExampleBackups } from "./example-backups.ts";
import { readDocument, readFences } from "./read-fences.ts";

const versions: readonly ResticVersion[] = ["0.14", "0.18"];
const found = await Promise.all(versions.map(async (version) => ({ version, stock: await findStockRestic(version) })));
const blocks = readFences(await readDocument("docs/format.md")).filter(({ isRun }) => isRun);

let example: ExampleBackups;

beforeAll(async () => {
  example = await createExampleBackups();
}, 240_000);

afterAll(async () => {
  await example?.[Symbol.asyncDispose]();
});

test("docs/format.md has commands to run, and they restore files, a PostgreSQL and a SQLite database", () => {
  const all = blocks.map(({ text }) => text).join("\n");
  for (const part of ["restic restore", "pg_restore", "sqlite3", "restic check --read-data", "restic unlock"])
    expect(all).toContain(part);
});

/** Left by a Lifeboat that was killed: nobody releases it. */
async function leaveLock(url: string, password: string): Promise<void> {
  const clock = realClock();
  const store = await openObjectStore({ url }, { clock });
  const repository = await openRepository({ store }, password);
  const owner = { hostname: "lifeboat-00000000-0000-4000-8000-000000000000", username: "lifeboat", pid: 4711 };
  await RepositoryLock.acquire(repository, { exclusive: false, owner, clock });
}

for (const { version, stock } of found) {
  describe.skipIf("missing" in stock)(
    `the commands of docs/format.md with stock restic ${version}${"missing" in stock ? ` (not run: ${stock.missing})` : ""}`,
    () => {
      let folder: string;
      let repository: string;
      let path = "";
      const password = () => readFile(example.passwordFile, "utf8").then((text) => text.trimEnd());

      /** In one bash, as a person would paste it. The page's /srv/www stands for the example's folder. */
      const paste = (text: string, accept: readonly number[] = [0]) =>
        runCommand("bash", ["-e", "-u", "-o", "pipefail", "-c", text.replaceAll("/srv/www", example.tree)], {
          cwd: folder,
          accept,
          env: {
            PATH: path,
            HOME: folder,
            RESTIC_REPOSITORY: repository,
            RESTIC_PASSWORD_FILE: example.passwordFile,
            RESTIC_CACHE_DIR: join(folder, "cache"),
            PGHOST: example.postgres.socketFolder,
            PGPORT: `${example.postgres.port}`,
            PGUSER: example.postgres.user,
          },
        });

      beforeAll(async () => {
        folder = join(example.folder, `restic-${version}`);
        repository = join(folder, "repo");
        await mkdir(join(folder, "bin"), { recursive: true });
        if ("path" in stock) await symlink(stock.path, join(folder, "bin/restic"));
        path = `${join(folder, "bin")}:${example.postgres.binFolder}:${process.env.PATH}`;
        await cp(example.repository, repository, { recursive: true });
      });

      test.each(blocks)("line $line works", async ({ text }) => {
        const isAboutLocks = text.includes("lock");
        if (isAboutLocks) await leaveLock(repository, await password());
        if (text.startsWith("createdb")) await example.postgres.sql("drop database if exists shop_restored");
        await paste(text);
      });

      test("what they brought back is what was there", async () => {
        expect(await compareTrees(example.tree, join(folder, "restored", example.tree))).toEqual([]);
        expect(await readFile(join(folder, "index.html"), "utf8")).toBe("<h1>shop</h1>\n");
        expect(await example.postgres.sql("select count(*), max(id) from orders", "shop_restored")).toBe("500|500");
        expect((await paste('sqlite3 ./app.db "select text from notes"')).stdout).toBe("hello\n");
      });

      test("a lock that a killed Lifeboat left stops check and is not removed by a plain unlock, as the page says", async () => {
        await leaveLock(repository, await password());
        await paste("restic check", [version === "0.14" ? 1 : 11]);
        await paste("restic unlock");
        expect((await paste("restic list locks --no-lock")).stdout.trim()).not.toBe("");
        await paste("restic unlock --remove-all");
        expect((await paste("restic list locks --no-lock")).stdout.trim()).toBe("");
      });

      test("stock restic never touches the side data", async () => {
        const listSide = async (place: string) => (await paste(`cd ${place}/lifeboat && find . -type f | sort`)).stdout;
        const before = await listSide(example.repository);
        expect(before).toContain("v1/facts/");
        await paste("restic forget --tag asset=web1/www --group-by '' --keep-last 1 --prune");
        expect(await listSide(repository)).toBe(before);
        expect(await example.lifeboat(["history", "--here"])).toContain("db1/shop");
      });
    },
  );
}
