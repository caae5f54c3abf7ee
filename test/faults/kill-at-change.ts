import { writeFileSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/**
 * Loaded before the program (`--import`). Counts what changes the repository's folder (an object comes by a rename and goes by an unlink),
 * each just before and just after, and ends the process with SIGKILL at the chosen one.
 */
const folder = process.env.LIFEBOAT_TEST_KILL_FOLDER ?? "";
const at = Number(process.env.LIFEBOAT_TEST_KILL_AT);
const log = process.env.LIFEBOAT_TEST_KILL_LOG ?? "";
const seen: string[] = [];

function pass(what: string): void {
  seen.push(what);
  writeFileSync(log, JSON.stringify(seen));
  if (seen.length === at) process.kill(process.pid, "SIGKILL");
}

function watched<A extends unknown[], R>(name: string, work: (...args: A) => Promise<R>, pathOf: (...args: A) => unknown) {
  return async (...args: A): Promise<R> => {
    const path = String(pathOf(...args));
    if (!path.startsWith(`${folder}/`)) return work(...args);
    pass(`before ${name} ${path.slice(folder.length + 1)}`);
    const result = await work(...args);
    pass(`after ${name} ${path.slice(folder.length + 1)}`);
    return result;
  };
}

files.rename = watched("put", files.rename, (_, to) => to);
files.unlink = watched("delete", files.unlink, (path) => path);
syncBuiltinESMExports();
