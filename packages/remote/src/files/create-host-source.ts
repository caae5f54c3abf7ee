import type { Clock, FileEntry, FileSource, FileTransfer, ListOptions, Machine } from "@lifeboat/model";
import { isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import { createSftpSource } from "../sftp/create-sftp-source.ts";
import { createFileSource, type FileSourceOptions } from "./create-file-source.ts";
import { lookForGnuTools } from "./look-for-gnu-tools.ts";

export interface HostSourceOptions {
  readonly transfer: FileTransfer;
  readonly clock: Clock;
}

/**
 * Files of a machine by the way that was chosen, or with `auto` by GNU find and tar where these are there and else over SFTP.
 * Nothing is asked of a host that has them: only when the listing fails before its first entry is it looked for the reason.
 */
export function createHostSource(machine: Machine, how: HostSourceOptions, options: FileSourceOptions): FileSource {
  const { transfer, clock } = how;
  if (transfer === "sftp") return createSftpSource(machine, clock, options);
  const byTar = createFileSource(machine, options);
  if (transfer === "tar" || machine.openSubsystem === undefined) return byTar;
  const overSftp = createSftpSource(machine, clock, options);
  let chosen = byTar;

  async function* list(how: ListOptions): AsyncGenerator<readonly FileEntry[], void, undefined> {
    let begun = false;
    let failure: unknown;
    try {
      for await (const batch of byTar.list(how)) {
        begun = true;
        yield batch;
      }
      return;
    } catch (error) {
      failure = error;
    }
    if (begun || !(await isForLackOfTools(machine, failure, how.signal))) throw failure;
    chosen = overSftp;
    try {
      for await (const batch of overSftp.list(how)) {
        begun = true;
        yield batch;
      }
    } catch (error) {
      if (begun || !isLifeboatError(error, "command-failed")) throw error;
      throw new LifeboatError("command-failed", `${messageOf(failure)}; and over SFTP: ${error.message}`, {
        hint: "Install GNU find and GNU tar on the host, or let its SSH server offer SFTP.",
        cause: error,
      });
    }
  }

  return {
    name: byTar.name,
    paths: byTar.paths,
    list,
    async *read(entries, { signal }) {
      try {
        yield* chosen.read(entries, { signal });
      } catch (error) {
        // A find that knows -printf beside a tar that is not GNU's: what was listed so cannot be compared over SFTP.
        if (chosen !== byTar || !(await isForLackOfTools(machine, error, signal))) throw error;
        throw new LifeboatError("command-failed", messageOf(error), {
          hint: "Set transfer: sftp for this host, or install GNU tar there.",
          cause: error,
        });
      }
    },
    get readRest() {
      return chosen.readRest;
    },
    get ranges() {
      return chosen.ranges;
    },
    get hash() {
      return chosen.hash;
    },
    get look() {
      return chosen.look;
    },
    lost: () => chosen.lost?.() ?? [],
    bytesReceived: () => machine.bytesReceived(),
  };
}

async function isForLackOfTools(machine: Machine, error: unknown, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted || !(isLifeboatError(error, "command-failed") || isLifeboatError(error, "command-missing"))) return false;
  return (await lookForGnuTools(machine, signal)).missing.length > 0;
}
