import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { runBackup } from "@lifeboat/jobs";
import { openFaultContext } from "./open-fault-context.ts";
import { watchOperations } from "./watch-operations.ts";
import type { FaultRepository } from "./write-fault-config.ts";

/** Which operation on the store kills the process, and when. */
export interface KillPlace {
  /** Start of "OPERATION NAME"; "" is any. */
  readonly match: string;
  /** 1 = the first that matches. */
  readonly at: number;
  readonly moment: "before" | "during" | "after";
}

/** What the child is told on its standard input. */
export interface BackupChildOrder {
  readonly configFile: string;
  readonly repository: FaultRepository;
  readonly asset: string;
  readonly runId: string;
  readonly kill: KillPlace;
}

/** A worker that is killed: runs a backup and ends itself with SIGKILL at the given operation, like a machine that loses its power. */
async function runUntilKilled({ configFile, repository, asset, runId, kill }: BackupChildOrder): Promise<void> {
  let seen = 0;
  const die = (what: string) => {
    writeSync(1, `killed ${kill.moment} ${what}\n`);
    process.kill(process.pid, "SIGKILL");
  };
  const { url, password, credentials } = repository;
  const { record } = await runBackup(openFaultContext(configFile), {
    runId,
    asset,
    attempt: 1,
    policy: null,
    timezone: "Europe/Berlin",
    threads: 1,
    repository: {
      url,
      password,
      credentials,
      wrap: (store) =>
        watchOperations(store, (what) => {
          if (!what.startsWith(kill.match) || ++seen !== kill.at) return undefined;
          if (kill.moment === "before") die(what);
          // The request is on its way to the network when the next turn of the event loop begins.
          if (kill.moment === "during") return { sent: () => void setImmediate(die, what) };
          return { done: () => die(what) };
        }),
    },
  });
  writeSync(1, `ended by itself after ${seen} such operations: ${record.result} ${record.cause ?? ""}\n`);
  process.exit(0);
}

flushCompileCache(); // a kill leaves no time for it
let input = "";
for await (const chunk of process.stdin.setEncoding("utf8")) input += chunk;
await runUntilKilled(JSON.parse(input) as BackupChildOrder);
