import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { awaitCopiedBackups, type CopiedBackup, type Moments, type RunLine } from "./await-runs.ts";
import { firstOrders, firstUploads } from "./build-web-tree.ts";
import { formatBytes, formatCount } from "./format-figures.ts";
import type { Scene } from "./scene.ts";
import { changeData, newOrders, newUploads, type Stage } from "./set-the-stage.ts";
import { StepFailure } from "./step-failure.ts";

export const assets = ["web1/www", "db1/shop"] as const;

/** Two pulls by the schedule, the second one of a few changes; then one folder back from the copy. */
export async function tellBackups(scene: Scene, stage: Stage): Promise<void> {
  const { terminal } = scene;
  const first = await terminal.step("The schedule pulls both and copies them to the second repository", async () => {
    const found = await awaitPulls(scene, { seenFromMs: 0, sinceMs: 0 }, "waiting for the first pulls and their copies");
    tellPulls(scene, found);
    const bytes = [...found.values()].reduce((total, { backups }) => total + sum(backups, "bytes_received"), 0);
    return {
      figure: `${formatBytes(bytes)} pulled over SSH, both in two repositories, nothing written on the hosts`,
      value: found,
    };
  });
  await terminal.step("A working day later, only what is new moves", async () => {
    const seenFromMs = Date.now();
    await changeData(stage);
    const moments = { seenFromMs, sinceMs: Date.now() };
    terminal.fact(`${newOrders} new orders with ${newUploads} pictures; now the schedule has to notice`);
    const found = await awaitPulls(scene, moments, "waiting for the next pulls and their copies");
    tellPulls(scene, found);
    // A pull that was under way may have seen them, or a part of them, already.
    const pulls = found.get("web1/www")?.backups ?? [];
    const before = sum(first.get("web1/www")?.backups ?? [], "bytes_received");
    const after = sum(pulls, "bytes_received");
    const filesNew = sum(pulls, "files_new");
    if (filesNew !== newUploads)
      throw new StepFailure(`web1/www found ${filesNew} new files instead of ${newUploads}`, "This is a bug: please report it.");
    if (!(after > 0 && after < before / 5))
      throw new StepFailure(
        `the second pull moved ${formatBytes(after)} of ${formatBytes(before)}`,
        "This is a bug: please report it.",
      );
    const share = ((100 * after) / before).toFixed(1);
    return {
      figure: `web1/www: ${formatBytes(after)} instead of ${formatBytes(before)} over SSH (${share}%): the list of files and ${filesNew} new ones`,
      value: undefined,
    };
  });
  await terminal.step("One folder comes back with bare hands: no service, no configuration", async () => {
    const target = join(scene.folder, "restored");
    await mkdir(target);
    const address = `web1/www@latest:${stage.www}`;
    const repository = ["--repo", scene.repositories.copy, "--password-file", scene.passwordFiles.copy];
    const { stderr } = await scene.lifeboat.run(["restore", address, ...repository, "--to", target]);
    terminal.command(`lifeboat restore ${address} \\\n        ${repository.join(" ")} --to ${target}`, stderr);
    const differences = await compareTrees(stage.www, join(target, stage.www));
    if (differences.length > 0) {
      throw new StepFailure(
        `rsync finds ${differences.length} differences, first: ${differences.slice(0, 5).join("; ")}`,
        `Compare ${stage.www} with ${join(target, stage.www)} yourself, and please report it.`,
      );
    }
    return {
      figure: "rsync -aHAX --checksum finds no difference: contents, modes, owners, times, links, xattrs, ACLs",
      value: undefined,
    };
  });
  const rows = await stage.postgres.sql("select (select count(*) from orders) + (select count(*) from uploads)", "shop");
  if (Number(rows) !== firstOrders + newOrders + firstUploads + newUploads)
    throw new StepFailure(`the shop has ${rows} rows`, "This is a bug of the quickstart: please report it.");
}

function awaitPulls(scene: Scene, moments: Moments, what: string): Promise<ReadonlyMap<string, CopiedBackup>> {
  return awaitCopiedBackups({ ...scene, telling: scene.terminal, what }, assets, moments);
}

function tellPulls({ terminal }: Scene, found: ReadonlyMap<string, CopiedBackup>): void {
  for (const [asset, { backups, copy }] of found) {
    const { total_files_processed: files = 0, total_bytes_processed: bytes = 0 } = backups.at(-1) ?? {};
    const received = formatBytes(sum(backups, "bytes_received"));
    const stored = formatBytes(sum(backups, "data_added_packed"));
    const took = `${sum(backups, "total_duration").toFixed(1)} s, copied in ${(copy.total_duration ?? 0).toFixed(1)} s`;
    const what = asset === "db1/shop" ? "a dump" : `${formatCount(files)} files`;
    terminal.fact(`${asset}  ${what}, ${formatBytes(bytes)}: ${received} over SSH, ${stored} stored; ${took}`);
  }
}

type Figure = "bytes_received" | "data_added_packed" | "files_new" | "total_duration";

function sum(runs: readonly RunLine[], figure: Figure): number {
  return runs.reduce((total, run) => total + (run[figure] ?? 0), 0);
}
