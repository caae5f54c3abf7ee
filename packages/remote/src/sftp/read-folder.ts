import type { ByteString, FileEntry, SourceProblem } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";
import type { SftpClient, SftpName } from "./sftp-client.ts";
import { entryOfAttributes, isComplete, isFolder, isLink } from "./sftp-entry.ts";
import { isGone, SftpStatus } from "./sftp-status.ts";

/** More names than any folder has: a listing without an end must not fill the memory. */
const maxNames = 10_000_000;
/** Requests for the next names, while more come: a large folder would else take a round trip for every hundred of them. */
const maxAhead = 16;

export interface FolderContext {
  readonly client: SftpClient;
  readonly machineName: string;
  readonly isExcluded: (path: ByteString, isFolder: boolean) => boolean;
}

export interface FolderContent {
  readonly entries: readonly FileEntry[];
  readonly problems: readonly SourceProblem[];
}

/** What a folder holds, without `.` and `..` and without what is excluded. The server's no is a problem, not an error. */
export async function readFolder(context: FolderContext, folder: ByteString): Promise<FolderContent> {
  const { client } = context;
  const problems: SourceProblem[] = [];
  const names = await namesOf(context, folder, problems);
  // The server follows a link that has taken the folder's place: what was listed is then another folder's content.
  const after = await client.lstat(folder).catch(asStatus);
  if (names.length > 0 && (after instanceof SftpStatus || !isFolder(after))) {
    const detail = "was replaced while it was listed";
    return { entries: [], problems: [...problems, { path: folder, kind: "unlisted", detail }] };
  }
  const entries = await Promise.all(names.map((name) => entryOf(context, folder, name, problems)));
  return { entries: entries.filter((entry) => entry !== undefined), problems };
}

async function namesOf(
  { client, machineName }: FolderContext,
  folder: ByteString,
  problems: SourceProblem[],
): Promise<SftpName[]> {
  let handle: Uint8Array;
  try {
    handle = await client.openFolder(folder);
  } catch (error) {
    problems.push(problemOf(folder, error));
    return [];
  }
  const names = new Map<ByteString, SftpName>();
  let ahead = 1;
  for (let ended = false; !ended; ahead = Math.min(maxAhead, ahead * 2)) {
    const answers = await Promise.all(Array.from({ length: ahead + 1 }, () => client.readFolder(handle).catch(asStatus)));
    for (const answer of answers) {
      if (answer === undefined) ended = true;
      else if (answer instanceof SftpStatus) {
        if (!ended) problems.push(problemOf(folder, answer));
        ended = true;
      } else for (const name of answer) addName(names, name, folder, machineName);
    }
  }
  client.closeHandle(handle).catch(() => undefined);
  return [...names.values()];
}

function addName(names: Map<ByteString, SftpName>, name: SftpName, folder: ByteString, machineName: string): void {
  if (name.name === "." || name.name === "..") return;
  if (name.name === "" || /[/\0]/.test(name.name) || names.size >= maxNames) {
    const what = names.size >= maxNames ? `more than ${maxNames} names` : `the impossible name "${displayName(name.name)}"`;
    throw new LifeboatError("host-garbage", `the SFTP server of ${machineName} lists ${what} in ${displayName(folder)}`);
  }
  // A folder that changes while it is listed may give a name twice.
  if (!names.has(name.name)) names.set(name.name, name);
}

async function entryOf(
  context: FolderContext,
  folder: ByteString,
  { name, attributes }: SftpName,
  problems: SourceProblem[],
): Promise<FileEntry | undefined> {
  const { client, machineName, isExcluded } = context;
  const path = `${folder === "/" ? "" : folder}/${name}` as ByteString;
  try {
    const all = isComplete(attributes) ? attributes : await client.lstat(path);
    if (isExcluded(path, isFolder(all))) return undefined;
    return entryOfAttributes(path, all, machineName, isLink(all) ? await client.readLink(path) : undefined);
  } catch (error) {
    problems.push(problemOf(path, error));
    return undefined;
  }
}

/** Rethrows what is no answer about one path. */
export function problemOf(path: ByteString, error: unknown): SourceProblem {
  if (!(error instanceof SftpStatus)) throw error;
  return { path, kind: isGone(error) ? "vanished" : "unlisted", detail: error.message };
}

export function asStatus(error: unknown): SftpStatus {
  if (error instanceof SftpStatus) return error;
  throw error;
}
