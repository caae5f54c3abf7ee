import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface SlowLine {
  readonly port: number;
  /** Closes it; gives when so many bytes had come from the host. */
  stop(): Promise<{ readonly marks: readonly (readonly [bytes: number, milliseconds: number])[]; readonly bytes: number }>;
}

/** A line to a port of this machine with 50 ms for a round trip, in a process of its own so that nothing else holds it up. */
export async function startSlowLine(targetPort: number, bytesPerSecond = 0, markBytes = 4 * 1024 * 1024): Promise<SlowLine> {
  const program = fileURLToPath(new URL("./slow-line-process.ts", import.meta.url));
  const words = [targetPort, 25, bytesPerSecond, markBytes].map(String);
  const child = spawn(process.execPath, [program, ...words], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => JSON.parse((await lines.next()).value as string);
  const { port } = (await read()) as { port: number };
  return {
    port,
    stop: async () => {
      child.stdin.end();
      return (await read()) as Awaited<ReturnType<SlowLine["stop"]>>;
    },
  };
}
