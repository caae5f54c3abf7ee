import { mkdir } from "node:fs/promises";
import { runCommand } from "../services/index.ts";

export interface SmallDisk {
  readonly folder: string;
  resize(mebibytes: number): Promise<void>;
  /** From now on only to be read. */
  close(): Promise<void>;
  unmount(): Promise<void>;
}

/** A file system of that size, in memory; a text says why there is none on this machine. */
export async function mountTmpfs(folder: string, mebibytes: number): Promise<SmallDisk | string> {
  if (process.getuid?.() !== 0) return "only root may mount a small file system";
  await mkdir(folder, { recursive: true });
  const { exitCode, stderr } = await runCommand("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", folder], {
    accept: "any",
  });
  if (exitCode !== 0) return `this machine mounts no tmpfs: ${stderr.trim()}`;
  return {
    folder,
    async resize(size) {
      await runCommand("mount", ["-o", `remount,size=${size}m`, folder]);
    },
    async close() {
      await runCommand("mount", ["-o", "remount,ro", folder]);
    },
    async unmount() {
      await runCommand("umount", ["--lazy", folder]);
    },
  };
}
