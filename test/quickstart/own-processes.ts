import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { killProcesses, listDescendants, type ProcessIdentity } from "../services/process-tree.ts";

export interface LivingProcess extends ProcessIdentity {
  /** Program and arguments, for people. */
  readonly command: string;
}

const markName = "LIFEBOAT_QUICKSTART_RUN";

/** Marks this process's environment, which its children inherit: so also one that went into the background is found again. */
export function markEnvironment(mark: string): void {
  process.env[markName] = mark;
}

/** What descends from this process or bears its mark. */
export function listOwnProcesses(mark: string): LivingProcess[] {
  const descendants = new Set(listDescendants(process.pid).map(keyOf));
  return listLiving().filter(
    (each) =>
      each.pid !== process.pid && (descendants.has(keyOf(each)) || environmentOf(each.pid).includes(`${markName}=${mark}`)),
  );
}

/** Those of them that still live; a number that another process has got since does not count. */
export function filterLiving(processes: readonly ProcessIdentity[]): LivingProcess[] {
  const wanted = new Set(processes.map(keyOf));
  return listLiving().filter((each) => wanted.has(keyOf(each)));
}

/** Waits until all of them are gone. Those that are not after ten seconds are killed and returned. */
export async function awaitEnd(processes: readonly ProcessIdentity[]): Promise<LivingProcess[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const living = filterLiving(processes);
    if (living.length === 0) return [];
    if (performance.now() > deadline) {
      killProcesses(living);
      return living;
    }
    await sleep(50);
  }
}

function keyOf({ pid, startTicks }: ProcessIdentity): string {
  return `${pid}@${startTicks}`;
}

/** All processes of the machine; one that has ended and that nobody has asked for yet (a zombie) has no command line left. */
function listLiving(): LivingProcess[] {
  return listDescendants(0).flatMap((each) => {
    const command = readProc(each.pid, "cmdline").split("\0").join(" ").trim();
    return command === "" ? [] : [{ ...each, command }];
  });
}

function environmentOf(pid: number): string {
  return readProc(pid, "environ");
}

/** Empty when it has just ended or belongs to somebody else. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
