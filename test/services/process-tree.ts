import { readdirSync, readFileSync } from "node:fs";

/** A process named so that a later one with the same number is not mistaken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which it started, from /proc/PID/stat. */
  readonly startTicks: string;
}

/** The descendants of a process as /proc shows them now, the process itself not included. */
export function listDescendants(pid: number): ProcessIdentity[] {
  const childrenOf = new Map<number, ProcessIdentity[]>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat === undefined) continue;
    const siblings = childrenOf.get(stat.parent) ?? [];
    siblings.push({ pid: Number(name), startTicks: stat.startTicks });
    childrenOf.set(stat.parent, siblings);
  }
  const found: ProcessIdentity[] = [];
  const open = [pid];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const child of childrenOf.get(parent) ?? []) {
      found.push(child);
      open.push(child.pid);
    }
  }
  return found;
}

/** Kills those that still live. */
export function killProcesses(processes: readonly ProcessIdentity[]): void {
  for (const { pid, startTicks } of processes) {
    if (readStat(pid)?.startTicks !== startTicks) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function readStat(pid: number): { parent: number; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses and may hold anything, so count from the last ")".
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), startTicks: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
