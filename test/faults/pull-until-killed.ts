import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cleanEnvironment, type TcpProxy } from "../services/index.ts";
import type { BackupChildOrder } from "./backup-child.ts";

/**
 * Runs a backup in a process of its own, which is killed as soon as so many bytes have come from the host, over `proxy`. Gives the bytes
 * that had come when it was dead. Throws when it ended by itself.
 */
export async function pullUntilKilled(order: Omit<BackupChildOrder, "kill">, proxy: TcpProxy, bytes: number): Promise<number> {
  const before = proxy.bytesFromTarget();
  const child = spawn(process.execPath, [fileURLToPath(new URL("./backup-child.ts", import.meta.url))], {
    env: cleanEnvironment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise((resolve) => child.once("close", (_code, name) => resolve(name)));
  const never = { match: "no such operation", at: 1, moment: "before" } as const;
  child.stdin.end(JSON.stringify({ ...order, kill: never } satisfies BackupChildOrder));
  const watch = setInterval(() => {
    if (proxy.bytesFromTarget() - before >= bytes) child.kill("SIGKILL");
  }, 2);
  const signal = await ended;
  clearInterval(watch);
  if (signal !== "SIGKILL") throw new Error(`the run ended before ${bytes} bytes had come:\n${output}`);
  return proxy.bytesFromTarget() - before;
}
