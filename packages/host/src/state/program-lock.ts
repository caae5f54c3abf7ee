import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LifeboatError, messageOf } from "@lifeboat/model";
import type { Random } from "../random/random.ts";
import { ownIdentity, type ProcessIdentity, stateOf } from "./process-identity.ts";

/**
 * Only one service at a time in a state folder: two would start two Redis servers on the same data.
 * Errors: `service-running` with the other one's process id. Dispose of it at the end; after a kill the next one takes it over.
 */
export function takeProgramLock(stateFolder: string, name: string, random: Random): Disposable {
  const path = join(stateFolder, `${name}.lock`);
  const draft = `${path}.${random.token(8)}`;
  try {
    writeFileSync(draft, JSON.stringify(ownIdentity()), { mode: 0o600 });
    for (let round = 0; !tryLink(draft, path); round++) {
      const holder = readHolder(path);
      // Another PID namespace: a container that was started again. It cannot be looked at, and refusing would last for ever.
      if ((holder !== undefined && stateOf(holder) === "alive") || round > 10) {
        throw new LifeboatError("service-running", `process ${holder?.pid ?? "?"} already runs '${name}' with ${stateFolder}`);
      }
      removeDead(path, holder, `${draft}.old`);
    }
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    throw new LifeboatError("state-folder-failed", `lock ${path} cannot be taken (${messageOf(error)})`, { cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    [Symbol.dispose]() {
      if (readHolder(path)?.startTicks === ownIdentity().startTicks) rmSync(path, { force: true });
    },
  };
}

function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Of two commands that find the same dead lock one may be slower and catch the other's new lock: that one goes back. */
function removeDead(path: string, dead: ProcessIdentity | undefined, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const caught = readHolder(aside);
  if (caught !== undefined && caught.startTicks !== dead?.startTicks) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
