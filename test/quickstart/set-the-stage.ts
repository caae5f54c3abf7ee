import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort, type PostgresServer, startPostgres, startSshHost } from "../services/index.ts";
import { runCommand } from "../services/run-command.ts";
import { addUploads, buildWebTree, firstOrders, firstUploads } from "./build-web-tree.ts";
import { formatBytes, formatCount } from "./format-figures.ts";
import { renderConfig, rowAndFileScript } from "./render-config.ts";
import type { Scene } from "./scene.ts";
import { addOrders, addUploadRows, createShopDatabase } from "./shop-database.ts";

export interface Stage {
  /** The web server's folder. */
  readonly www: string;
  readonly postgres: PostgresServer;
}

export const newOrders = 5;
export const newUploads = 20;

/** Two servers with data, and the file that says what to do with them. What it starts is stopped with `stack`. */
export async function setTheStage(scene: Scene, stack: AsyncDisposableStack): Promise<Stage> {
  const { terminal, folder, databasePassword } = scene;
  const www = join(folder, "web1", "www");
  const stage = await terminal.step("Two servers, reached over SSH as yours would be", async () => {
    // Disk and processors have something to do while the servers start.
    const building = buildWebTree(join(folder, "web1"));
    building.catch(() => undefined);
    const web = stack.use(await startSshHost());
    const database = stack.use(await startSshHost());
    const postgres = stack.use(await startPostgres());
    scene.signal.throwIfAborted();
    await createShopDatabase(postgres, { user: "lifeboat", password: databasePassword });
    await addOrders(postgres, 1, firstOrders);
    const rows = await building;
    await addUploadRows(postgres, rows);
    const { files, bytes } = await measureTree(www);
    terminal.fact(
      `web1  ${web.user}@127.0.0.1 port ${web.port}: ${formatCount(files)} files, folders, links and more, ${formatBytes(bytes)}`,
    );
    terminal.fact(`db1   ${database.user}@127.0.0.1 port ${database.port}: PostgreSQL ${postgres.majorVersion}, database "shop"`);
    const figure = `${formatCount(firstOrders)} orders name ${formatCount(rows.length)} pictures (uploads/2026/11/${String(firstUploads).padStart(4, "0")}.jpg) on web1`;
    return { figure, value: { web, database, postgres } };
  });
  await terminal.step("One file says what is backed up, how often, where to, and how it is proven", async () => {
    const rowAndFile = join(folder, "row-and-file.sh");
    await writeFile(rowAndFile, rowAndFileScript);
    const text = renderConfig({
      folder,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
      listen: `127.0.0.1:${await findFreePort()}`,
      web: stage.web,
      database: stage.database,
      postgres: { port: stage.postgres.port, user: "lifeboat" },
      repositories: scene.repositories,
      www,
      rowAndFile,
    });
    await mkdir(join(folder, "drill"));
    await writeFile(scene.configFile, text);
    terminal.fact(scene.configFile);
    const { stdout } = await scene.lifeboat.run(["config", "validate"]);
    terminal.command("lifeboat config validate", stdout);
    return { figure: `${text.split("\n").length - 1} lines with their comments`, value: undefined };
  });
  return { www, postgres: stage.postgres };
}

/** A working day in a second: files first, rows after. */
export async function changeData({ www, postgres }: Stage): Promise<void> {
  await addOrders(postgres, firstOrders + 1, newOrders);
  await addUploadRows(postgres, await addUploads(www, firstUploads + 1, newUploads, firstOrders + newOrders));
}

async function measureTree(folder: string): Promise<{ files: number; bytes: number }> {
  const { stdout } = await runCommand("find", [folder, "-printf", "%s\\0"]);
  const sizes = stdout.split("\0").slice(0, -1).map(Number);
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
