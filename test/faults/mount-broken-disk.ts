import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../services/index.ts";

export interface BrokenDisk {
  readonly folder: string;
  unmount(): Promise<void>;
}

const mebibyte = 1024 * 1024;

/**
 * An ext4 file system on a loop device with one file, `bad`, of which the device can give the first `readableBytes` only: the image ends
 * in the middle of it, so that the kernel itself says EIO. A text says why there is none on this machine.
 */
export async function mountBrokenDisk(folder: string, content: Buffer, readableBytes: number): Promise<BrokenDisk | string> {
  if (process.getuid?.() !== 0) return "only root may mount a disk";
  const image = `${folder}.img`;
  const source = `${folder}.source`;
  await mkdir(source, { recursive: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(source, "bad"), content);
  await writeFile(image, "");
  await truncate(image, content.length + 16 * mebibyte);
  // Without a journal, and in one group: all that describes the file stands before it.
  const layout = ["-q", "-b", "4096", "-O", "^has_journal,^resize_inode,^flex_bg", "-N", "32", "-E", "lazy_itable_init=0"];
  await runCommand("mkfs.ext4", [...layout, "-d", source, image]);
  await rm(source, { recursive: true });
  const { stdout } = await runCommand("debugfs", ["-R", `bmap /bad ${readableBytes / 4096}`, image]);
  const mounted = await runCommand("mount", ["-o", "loop,ro", "-t", "ext4", image, folder], { accept: "any" });
  if (mounted.exitCode !== 0) return `this machine mounts no loop device: ${mounted.stderr.trim()}`;
  // Only now: a disk that is shorter than its file system says is not mounted.
  await truncate(image, Number(stdout.trim()) * 4096);
  return {
    folder,
    unmount: async () => {
      await runCommand("umount", [folder]);
      await rm(image);
    },
  };
}
