import { createHash } from "node:crypto";
import { link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";

/** A row of the shop's table `uploads`; `file` is below the web server's folder. */
export interface UploadRow {
  readonly id: number;
  readonly orderId: number;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export const firstUploads = 1600;
export const firstOrders = 600;

/**
 * A web server's folders under `root`: `www` with uploads, assets and a video, and `www/odd` with everything a file system can
 * hold that is hard to keep (links, sparse files, a fifo, special bits, xattrs, ACLs, names of any bytes). Returns the uploads.
 */
export async function buildWebTree(root: string): Promise<UploadRow[]> {
  const random = createSeededRandom(11);
  const www = join(root, "www");
  for (const folder of ["uploads/2026/10", "uploads/2026/11", "assets", "video", "odd"]) {
    await mkdir(join(www, folder), { recursive: true });
  }
  const rows = await addUploads(www, 1, firstUploads, firstOrders);
  for (let number = 1; number <= 200; number++) {
    await writeFile(join(www, "assets", `part-${number}.css`), `.part-${number} { margin: ${number}px; }\n`.repeat(number));
  }
  await writeFile(join(www, "video", "tour.mp4"), random.bytes(6 * 1024 * 1024));
  await link(join(www, "video", "tour.mp4"), join(www, "video", "tour-latest.mp4"));
  await symlink("uploads/2026/11", join(www, "newest"));
  await buildNastyTree(join(www, "odd"), { largeFiles: false, nonUtf8LinkTargets: false });
  return rows;
}

/** Writes `count` more pictures with numbers from `first` on; each belongs to one of `orders` orders. */
export async function addUploads(www: string, first: number, count: number, orders: number): Promise<UploadRow[]> {
  const random = createSeededRandom(first);
  const rows: UploadRow[] = [];
  for (let id = first; id < first + count; id++) {
    const file = `uploads/2026/${id <= firstUploads / 2 ? "10" : "11"}/${String(id).padStart(4, "0")}.jpg`;
    const content = random.bytes(2048 + random.below(20 * 1024));
    await writeFile(join(www, file), content);
    const sha256 = createHash("sha256").update(content).digest("hex");
    rows.push({ id, orderId: 1 + ((id - 1) % orders), file, bytes: content.length, sha256 });
  }
  return rows;
}
