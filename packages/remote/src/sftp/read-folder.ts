import type { ByteString, FileEntry, FileSelection, LeftOutReason, SourceProblem } from "@lifeboat/model";
import { byteString, displayName, fromBytes, LifeboatError } from "@lifeboat/model";
import type { PathRules, Standing } from "../files/path-rules.ts";
import { cacheTagSignature, mayBeCacheTag, tagNames } from "../files/tag-names.ts";
import type { NameBudget } from "./name-budget.ts";
import type { SftpClient, SftpName } from "./sftp-client.ts";
import { entryOfAttributes, isComplete, isFile, isFolder, isLink } from "./sftp-entry.ts";
import type { SftpAttributes } from "./sftp-packets.ts";
import { isGone, SftpStatus } from "./sftp-status.ts";

/** Of any file system that Linux has; `TreeOrder` refuses longer ones too, but only when all of a folder was kept. */
const maxNameBytes = 255;
/** Requests for the next names, while more come: a large folder would else take a round trip for every hundred of them. */
const maxAhead = 16;

export interface FolderContext {
  readonly client: SftpClient;
  readonly machineName: string;
  readonly rules: PathRules;
  readonly selection: FileSelection;
  /** Shared by all folders of a listing. */
  readonly budget: NameBudget;
}

export interface JudgedEntry {
  readonly entry: FileEntry;
  /** "way": it only leads to something that belongs to the source; a reason: it does not belong to it. */
  readonly verdict: "in" | "way" | LeftOutReason;
}

export interface FolderContent {
  readonly judged: readonly JudgedEntry[];
  readonly problems: readonly SourceProblem[];
}

/** What a folder holds, without `.` and `..`; `above`: how the folder itself stands. The server's no is a problem, not an error. */
export async function readFolder(context: FolderContext, folder: ByteString, above: Standing): Promise<FolderContent> {
  const problems: SourceProblem[] = [];
  const names = new Map<ByteString, SftpName>();
  await readNames(context, folder, names, problems);
  const content = await judgeNames(context, folder, above, [...names.values()], problems);
  // Not after an error: that ends the listing, and the folders beside this one with it.
  context.budget.giveBack(names.values());
  return content;
}

async function judgeNames(
  context: FolderContext,
  folder: ByteString,
  above: Standing,
  names: readonly SftpName[],
  problems: SourceProblem[],
): Promise<FolderContent> {
  const { client } = context;
  // The server follows a link that has taken the folder's place: what was listed is then another folder's content.
  const after = await client.lstat(folder).catch(asStatus);
  if (names.length > 0 && (after instanceof SftpStatus || !isFolder(after))) {
    const detail = "was replaced while it was listed";
    return { judged: [], problems: [...problems, { path: folder, kind: "unlisted", detail }] };
  }
  const marks = await tagsAmong(context, folder, names);
  const judged = await Promise.all(
    names.map(async (name): Promise<JudgedEntry | undefined> => {
      try {
        return await entryOf(context, pathIn(folder, name.name), name, (path, attributes) => {
          const standing = context.rules.standing(path, isFolder(attributes), above);
          const isTooLarge =
            isFile(attributes) && (attributes.size ?? 0) > (context.selection.excludeLargerThan ?? Number.POSITIVE_INFINITY);
          const isBesideTag = marks.length > 0 && !marks.includes(name.name);
          return standing === "out" ? "pattern" : isBesideTag ? "tag" : isTooLarge ? "size" : standing;
        });
      } catch (error) {
        problems.push(problemOf(pathIn(folder, name.name), error));
        return undefined;
      }
    }),
  );
  return { judged: judged.filter((one) => one !== undefined), problems };
}

/** The tags by which a folder is marked: nothing but them is kept of it. */
async function tagsAmong(
  { client, selection }: FolderContext,
  folder: ByteString,
  names: readonly SftpName[],
): Promise<ByteString[]> {
  const tags = new Set(tagNames(selection));
  if (tags.size === 0) return [];
  const present = new Set((selection.excludeIfPresent ?? []).map(byteString));
  const found = names.filter(({ name }) => tags.has(name));
  const marks = await Promise.all(
    found.map(async ({ name, attributes }) => present.has(name) || (await isCacheTag(client, pathIn(folder, name), attributes))),
  );
  return found.filter((_, at) => marks[at]).map(({ name }) => name);
}

/** One that cannot be read is none, so that its folder is kept. */
async function isCacheTag(client: SftpClient, path: ByteString, listed: SftpAttributes): Promise<boolean> {
  const attributes = isComplete(listed) ? listed : await client.lstat(path).catch(asStatus);
  if (attributes instanceof SftpStatus || !isFile(attributes)) return false;
  if (!mayBeCacheTag({ type: "file", size: attributes.size ?? 0 })) return false;
  const handle = await client.openFile(path).catch(asStatus);
  if (handle instanceof SftpStatus) return false;
  const beginning = await client.read(handle, 0, cacheTagSignature.length).catch(asStatus);
  client.closeHandle(handle).catch(() => undefined);
  return !(beginning instanceof SftpStatus) && beginning !== undefined && fromBytes(beginning) === cacheTagSignature;
}

function pathIn(folder: ByteString, name: ByteString): ByteString {
  return `${folder === "/" ? "" : folder}/${name}` as ByteString;
}

async function readNames(
  { client, machineName, budget }: FolderContext,
  folder: ByteString,
  names: Map<ByteString, SftpName>,
  problems: SourceProblem[],
): Promise<void> {
  let handle: Uint8Array;
  try {
    handle = await client.openFolder(folder);
  } catch (error) {
    problems.push(problemOf(folder, error));
    return;
  }
  let ahead = 1;
  for (let ended = false; !ended; ahead = Math.min(maxAhead, ahead * 2)) {
    const answers = await Promise.all(Array.from({ length: ahead + 1 }, () => client.readFolder(handle).catch(asStatus)));
    for (const answer of answers) {
      if (answer === undefined) ended = true;
      else if (answer instanceof SftpStatus) {
        if (!ended) problems.push(problemOf(folder, answer));
        ended = true;
      } else {
        for (const name of answer) {
          if (!isNew(names, name, folder, machineName)) continue;
          names.set(name.name, name);
          budget.take(name, folder);
        }
      }
    }
  }
  client.closeHandle(handle).catch(() => undefined);
}

/** Errors: `host-garbage` for what is no name. A folder that changes while it is listed may give a name twice. */
function isNew(names: ReadonlyMap<ByteString, SftpName>, { name }: SftpName, folder: ByteString, machineName: string): boolean {
  if (name === "." || name === "..") return false;
  if (name === "" || name.length > maxNameBytes || /[/\0]/.test(name)) {
    const shown = displayName(name.slice(0, maxNameBytes) as ByteString);
    const what = name.length > maxNameBytes ? `a name of ${name.length} bytes, "${shown}..."` : `the impossible name "${shown}"`;
    throw new LifeboatError("host-garbage", `the SFTP server of ${machineName} lists ${what} in ${displayName(folder)}`);
  }
  return !names.has(name);
}

async function entryOf(
  { client, machineName }: FolderContext,
  path: ByteString,
  { attributes }: SftpName,
  judge: (path: ByteString, attributes: SftpAttributes) => JudgedEntry["verdict"],
): Promise<JudgedEntry> {
  const all = isComplete(attributes) ? attributes : await client.lstat(path);
  const verdict = judge(path, all);
  const isKept = verdict === "in" || verdict === "way";
  return {
    entry: entryOfAttributes(path, all, machineName, isKept && isLink(all) ? await client.readLink(path) : undefined),
    verdict,
  };
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
