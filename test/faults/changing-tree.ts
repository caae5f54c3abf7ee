import { chmod, link, mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createSeededRandom } from "../fixtures/seeded-random.ts";

export interface ChangingTree {
  /** The folder with the files. */
  readonly folder: string;
  /** The SQLite database beside it. */
  readonly database: string;
  /** Some files new, some changed, some gone, one with so many new bytes (default 1000). A new row in the database. */
  change(options?: { readonly largeBytes?: number }): Promise<void>;
}

/** Packs hold 16 MiB: of these there is more than one, and a kill comes between them. */
export const moreThanOnePackBytes = 18 * 1024 * 1024;

/** A small tree with several kinds of things, and a database, that change from backup to backup. */
export async function createChangingTree(parent: string, seed: number): Promise<ChangingTree> {
  const random = createSeededRandom(seed);
  const folder = join(parent, "tree");
  const database = join(parent, "app.db");
  for (const path of ["etc/conf.d", "srv/uploads/deep/er", "empty"]) await mkdir(join(folder, path), { recursive: true });
  for (let index = 0; index < 25; index++) {
    const length = random.below(40_000);
    await writeFile(join(folder, "srv/uploads", `file-${index} \u00e4`), random.bytes(length), { mode: 0o640 });
  }
  await writeFile(join(folder, "srv/uploads/deep/er/large"), random.bytes(3_000_000));
  await writeFile(join(folder, "etc/conf.d/a.conf"), "a = 0\n");
  await writeFile(join(folder, "etc/run-me"), "#!/bin/sh\n");
  await chmod(join(folder, "etc/run-me"), 0o4755);
  await link(join(folder, "etc/run-me"), join(folder, "etc/run-me-too"));
  await symlink("../nowhere", join(folder, "etc/dangling"));
  await utimes(join(folder, "empty"), 1_000_000_000.5, 1_000_000_000.25);
  const db = new DatabaseSync(database);
  db.exec("create table orders (id integer primary key, what text)");
  db.close();
  let round = 0;
  return {
    folder,
    database,
    async change({ largeBytes = 1000 } = {}) {
      round++;
      await writeFile(join(folder, "etc/conf.d/a.conf"), `a = ${round}\n`);
      await writeFile(join(folder, "srv/uploads", `file-${random.below(25)} \u00e4`), random.bytes(random.below(60_000)));
      await writeFile(join(folder, "srv/uploads/deep", `new-${round}`), random.bytes(5_000));
      await rm(join(folder, "srv/uploads/deep", `new-${round - 2}`), { force: true });
      await writeFile(join(folder, "srv/large"), random.bytes(largeBytes));
      const db = new DatabaseSync(database);
      db.prepare("insert into orders (what) values (?)").run(`order ${round} ${random.bytes(200).toString("hex")}`);
      db.close();
    },
  };
}
