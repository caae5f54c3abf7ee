import type { Clock, FileSource, Machine, ReadEvent } from "@lifeboat/model";
import type { FileSourceOptions } from "../files/create-file-source.ts";
import { normalizePaths } from "../files/source-paths.ts";
import { listOverSftp } from "./list-over-sftp.ts";
import { readOverSftp } from "./read-over-sftp.ts";
import { SftpClient } from "./sftp-client.ts";
import { sftpLosses } from "./sftp-losses.ts";

/**
 * Files of a machine that has an SFTP server and perhaps nothing else. Nothing is written there. What this way cannot tell
 * is in `lost`. Sessions end with the machine.
 */
export function createSftpSource(machine: Machine, clock: Clock, options: FileSourceOptions): FileSource {
  const paths = normalizePaths(options.paths, options.name);
  const idle: SftpClient[] = [];

  /** Sessions are used again when all that was asked in them was answered. */
  async function* withSession<T>(
    signal: AbortSignal,
    work: (client: SftpClient) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    signal.throwIfAborted();
    let client = idle.pop();
    while (client?.usable === false) client = idle.pop();
    const session = client ?? (await SftpClient.open(machine, clock, signal));
    const stop = () => session.close();
    signal.addEventListener("abort", stop, { once: true });
    let finished = false;
    try {
      yield* work(session);
      finished = true;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      if (finished) idle.push(session);
      else session.close();
    }
  }

  return {
    name: options.name,
    paths,
    list: ({ signal, problem, leftOut }) =>
      withSession(signal, (client) =>
        listOverSftp({ client, machineName: machine.name, paths, selection: options, signal, problem, leftOut }),
      ),
    read: (entries, { signal }) =>
      withSession<readonly ReadEvent[]>(signal, (client) => readOverSftp({ client, machineName: machine.name, signal }, entries)),
    bytesReceived: () => machine.bytesReceived(),
    lost: () => sftpLosses(options),
  };
}
