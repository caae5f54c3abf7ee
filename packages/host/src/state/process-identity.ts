import { readFileSync, readlinkSync } from "node:fs";

/** A process, told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and its start: field 22 of /proc/PID/stat. */
  readonly startTicks: string;
  readonly bootId: string;
  /** Inode of the PID namespace: in another container the same number is another process. */
  readonly pidNamespace: string;
}

export function ownIdentity(): ProcessIdentity {
  const startTicks = startTicksOf(process.pid);
  if (startTicks === undefined) throw new Error("/proc is not mounted");
  return { pid: process.pid, startTicks, bootId: readBootId(), pidNamespace: readlinkSync("/proc/self/ns/pid") };
}

/** `unknown` when it lived where this process cannot look. */
export function stateOf(process: ProcessIdentity): "alive" | "dead" | "unknown" {
  if (process.bootId !== readBootId()) return "dead";
  if (process.pidNamespace !== readlinkSync("/proc/self/ns/pid")) return "unknown";
  return startTicksOf(process.pid) === process.startTicks ? "alive" : "dead";
}

function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** undefined: no such process, or one that has ended and only waits to be collected. */
function startTicksOf(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
  // the second field is the program's name in brackets and may itself hold brackets and blanks
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}
