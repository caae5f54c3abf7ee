import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Measured {
  readonly wallSeconds: number;
  /** User and system time of the program and of what it started and waited for. */
  readonly cpuSeconds: number;
  /** Peak resident memory of the program itself. */
  readonly peakMebibytes: number;
}

/** Runs a program to its end and measures it from outside, in the same way for every peer. Throws when it fails. */
export async function measureCommand(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<Measured> {
  const script = 'TIMEFORMAT="measured %R %U %S"; time "$@"';
  const child = spawn("bash", ["-c", script, "measure", ...argv], { env: { ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaints = (complaints + bytes.toString("utf8")).slice(-16_384);
  });
  let peakKibibytes = 0;
  const timer = setInterval(() => {
    peakKibibytes = Math.max(peakKibibytes, peakOfChildren(child.pid ?? 0));
  }, 20);
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearInterval(timer);
  const match = /measured ([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(complaints);
  if (status !== 0 || match === null) throw new Error(`${argv.join(" ")} ended with ${status}:\n${complaints}`);
  return {
    wallSeconds: Number(match[1]),
    cpuSeconds: Number(match[2]) + Number(match[3]),
    peakMebibytes: Math.round(peakKibibytes / 1024),
  };
}

/** The high-water mark of the shell's child; the kernel keeps it, so looking now and then misses little. */
function peakOfChildren(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    return Math.max(
      0,
      ...children.map((child) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child}/status`, "utf8"))?.[1] ?? 0)),
    );
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
