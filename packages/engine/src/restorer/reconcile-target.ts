import type { ByteString, FileEntry, Overwrite, RestoreTarget } from "@lifeboat/model";
import type { Repository } from "../repository/repository.ts";
import { compareContents } from "./compare-contents.ts";
import { describeDifferences, hasSameOwner } from "./compare-entry.ts";
import { contentBytesOf, hasFurtherNames, type RestoreItem } from "./restore-item.ts";
import type { RestorePlan } from "./restore-plan.ts";
import { parentOf, StagePlaces } from "./stage-places.ts";

export interface ReconcileOptions {
  readonly repository: Repository;
  readonly plan: RestorePlan;
  readonly target: RestoreTarget;
  readonly overwrite: Overwrite;
  /** Files that look the same are read where they stand and compared by hash. */
  readonly verifyExisting: boolean;
  /** Owners can be set, so they count as a difference. */
  readonly root: boolean;
  readonly signal: AbortSignal;
}

/** What is left to be done in a target that is not empty. Items with `writeTo` replace something: they are staged, then moved in. */
export interface Reconciliation {
  readonly folders: readonly RestoreItem[];
  readonly files: readonly RestoreItem[];
  /** Of their content. */
  readonly bytes: number;
  readonly others: readonly RestoreItem[];
  /** Folders whose metadata are set at the end, new ones and those that were there. */
  readonly settle: readonly RestoreItem[];
  readonly remove: readonly ByteString[];
  readonly open: readonly ByteString[];
  readonly stages: readonly ByteString[];
  /** What stands there and is as in the snapshot. */
  readonly unchanged: { readonly files: number; readonly bytes: number };
  /** What stands there, is not as in the snapshot and stays, with all that the snapshot has below it. */
  readonly kept: ReadonlySet<ByteString>;
  /** Folders that stay with the metadata that they have. */
  readonly exempt: ReadonlySet<ByteString>;
  readonly problems: readonly { readonly path: ByteString; readonly detail: string }[];
}

const lookBatch = 20_000;

type Standing =
  | { readonly state: "missing" }
  | { readonly state: "blocked" }
  | { readonly state: "same"; readonly entry: FileEntry }
  | { readonly state: "differs"; readonly entry: FileEntry };

export async function reconcileTarget(options: ReconcileOptions): Promise<Reconciliation> {
  const reconciler = new Reconciler(options);
  await reconciler.lookAtFolders();
  await reconciler.lookAtRest();
  return reconciler.finish();
}

class Reconciler {
  readonly #options: ReconcileOptions;
  readonly #stages = new StagePlaces();
  readonly #folders: RestoreItem[] = [];
  readonly #files: RestoreItem[] = [];
  #bytes = 0;
  readonly #others: RestoreItem[] = [];
  readonly #remove: ByteString[] = [];
  readonly #existing = new Map<ByteString, FileEntry>();
  readonly #fresh = new Set<ByteString>();
  readonly #written = new Set<ByteString>();
  readonly #kept = new Set<ByteString>();
  readonly #problems: { path: ByteString; detail: string }[] = [];
  /** Names of one inode, the first of the plan in front, until all have been looked at. */
  readonly #groups = new Map<ByteString, { readonly item: RestoreItem; readonly standing: Standing }[]>();
  /** Inodes of files that stay, and for which content: two files of the snapshot must not stay one. */
  readonly #claims = new Map<string, ByteString>();
  #unchangedFiles = 0;
  #unchangedBytes = 0;

  constructor(options: ReconcileOptions) {
    this.#options = options;
  }

  async lookAtFolders(): Promise<void> {
    const { plan, target, overwrite, signal } = this.#options;
    const root = await target.look(["." as ByteString], signal);
    this.#stages.setRoot(root[0]?.device);
    for (let at = 0; at < plan.folders.length; at += lookBatch) {
      const batch = plan.folders.slice(at, at + lookBatch);
      const entries = await target.look(
        batch.map(({ path }) => path),
        signal,
      );
      for (const [number, item] of batch.entries()) this.#placeFolder(item, entries[number], overwrite);
    }
  }

  #placeFolder(item: RestoreItem, entry: FileEntry | undefined, overwrite: Overwrite): void {
    const { path } = item;
    const parent = parentOf(path);
    if (this.#kept.has(parent)) {
      this.#kept.add(path);
      return;
    }
    // What was looked at through a link is not what will stand there.
    const standing = this.#fresh.has(parent) ? undefined : entry;
    if (standing?.type === "dir") {
      this.#existing.set(path, standing);
      this.#stages.add(path, standing.device);
      return;
    }
    if (standing !== undefined) {
      if (overwrite === "never") {
        this.#kept.add(path);
        return;
      }
      this.#remove.push(path);
    }
    this.#fresh.add(path);
    this.#stages.add(path, undefined);
    this.#folders.push(item);
    this.#written.add(parent);
  }

  async lookAtRest(): Promise<void> {
    const { plan } = this.#options;
    for (const list of [plan.files, plan.others]) {
      for (let at = 0; at < list.length; at += lookBatch) await this.#lookAtBatch(list.slice(at, at + lookBatch));
    }
    for (const group of this.#groups.values()) this.#decideGroup(group);
  }

  async #lookAtBatch(batch: readonly RestoreItem[]): Promise<void> {
    const { target, signal } = this.#options;
    const mayStand = batch.filter(({ path }) => !this.#fresh.has(parentOf(path)) && !this.#kept.has(parentOf(path)));
    const found = await target.look(
      mayStand.map(({ path }) => path),
      signal,
    );
    const entries = new Map(mayStand.map(({ path }, at) => [path, found[at]]));
    const changed = await this.#findChanged(batch, entries);
    for (const item of batch) {
      const standing = this.#standingOf(item, entries.get(item.path), changed);
      const first = item.hardLinkTo ?? item.path;
      if (item.hardLinkTo === undefined && !hasFurtherNames(item.node)) this.#decide(item, standing, item.path);
      else {
        const group = this.#groups.get(first);
        if (group === undefined) this.#groups.set(first, [{ item, standing }]);
        else group.push({ item, standing });
      }
    }
  }

  #standingOf(item: RestoreItem, entry: FileEntry | undefined, changed: ReadonlySet<ByteString>): Standing {
    if (this.#kept.has(parentOf(item.path))) return { state: "blocked" };
    if (entry === undefined) return { state: "missing" };
    return { state: this.#isSame(entry, item) && !changed.has(item.path) ? "same" : "differs", entry };
  }

  #isSame(entry: FileEntry, { node }: RestoreItem): boolean {
    const { overwrite, root } = this.#options;
    // A listing does not tell a device's number, so that one is never sure to be the same.
    if (overwrite === "always" || node.type === "dev" || node.type === "chardev") return false;
    return describeDifferences(entry, node).length === 0 && (!root || hasSameOwner(entry, node));
  }

  /** Of what looks the same, what is not, by content or attributes. */
  async #findChanged(
    batch: readonly RestoreItem[],
    entries: ReadonlyMap<ByteString, FileEntry | undefined>,
  ): Promise<ReadonlySet<ByteString>> {
    const { repository, target, root, signal, verifyExisting } = this.#options;
    const changed = new Set<ByteString>();
    if (!verifyExisting) return changed;
    const files = batch.flatMap((item) => {
      const entry = entries.get(item.path);
      return entry !== undefined && item.node.type === "file" && this.#isSame(entry, item) ? [{ entry, ...item }] : [];
    });
    for await (const [number, difference] of compareContents({ repository, read: target.read, root, signal }, files)) {
      if (difference !== undefined) changed.add(files[number]!.path);
    }
    return changed;
  }

  /** `owner` stands for the content: the first name of its inode. */
  #decide(item: RestoreItem, standing: Standing, owner: ByteString): void {
    if (standing.state === "blocked") this.#kept.add(item.path);
    else if (standing.state === "missing") this.#write(item);
    else if (standing.state === "same" && this.#claim(standing.entry, owner)) this.#leave(item);
    else this.#replace(item, standing.entry);
  }

  /** One name gets or has the content, the others become links to it. */
  #decideGroup(group: readonly { readonly item: RestoreItem; readonly standing: Standing }[]): void {
    const first = group[0]!.item;
    const never = this.#options.overwrite === "never";
    const isFolder = (standing: Standing) => "entry" in standing && standing.entry.type === "dir";
    const source =
      group.find(({ standing }) => standing.state === "same" && this.#claim(standing.entry, first.path)) ??
      group.find(
        ({ standing }) => standing.state === "missing" || (standing.state === "differs" && !never && !isFolder(standing)),
      );
    for (const member of group) {
      const { item, standing } = member;
      // Its own node: names of one inode have the same one, and the content is the first's.
      const asFile: RestoreItem = { path: item.path, node: item.node };
      if (member === source || source === undefined) {
        this.#decide(asFile, standing, first.path);
        continue;
      }
      const link: RestoreItem = { path: item.path, node: item.node, hardLinkTo: source.item.path };
      const sharesInode =
        standing.state === "same" &&
        source.standing.state === "same" &&
        standing.entry.inode === source.standing.entry.inode &&
        standing.entry.device === source.standing.entry.device;
      if (standing.state === "blocked") this.#kept.add(item.path);
      else if (standing.state === "missing") this.#write(link);
      else if (sharesInode) this.#leave(item);
      else this.#replace(link, standing.entry);
    }
  }

  #claim(entry: FileEntry, owner: ByteString): boolean {
    if (entry.links < 2) return true;
    const key = `${entry.device}:${entry.inode}`;
    const claimed = this.#claims.get(key);
    if (claimed === undefined) this.#claims.set(key, owner);
    return claimed === undefined || claimed === owner;
  }

  #leave({ node }: RestoreItem): void {
    if (node.type !== "file") return;
    this.#unchangedFiles++;
    this.#unchangedBytes += node.size;
  }

  #replace(item: RestoreItem, entry: FileEntry): void {
    if (this.#options.overwrite === "never") this.#kept.add(item.path);
    else if (entry.type === "dir") {
      this.#kept.add(item.path);
      this.#problems.push({
        path: item.path,
        detail: `a folder stands where the snapshot has a ${item.node.type}; it was left alone`,
      });
    } else this.#write({ ...item, writeTo: this.#stages.placeOf(item.path) });
  }

  #write(item: RestoreItem): void {
    this.#written.add(parentOf(item.path));
    if (item.node.type === "file" && item.hardLinkTo === undefined) {
      this.#files.push(item);
      this.#bytes += contentBytesOf(item.node);
    } else this.#others.push(item);
  }

  #mustSettle({ path, node }: RestoreItem): boolean {
    const { overwrite, root } = this.#options;
    const entry = this.#existing.get(path);
    if (entry === undefined) return this.#fresh.has(path);
    if (overwrite === "never") return false;
    const differs = describeDifferences(entry, node).length > 0 || (root && !hasSameOwner(entry, node));
    return differs || overwrite === "always" || this.#written.has(path) || (node.xattrs?.length ?? 0) > 0;
  }

  finish(): Reconciliation {
    const isClosed = (path: ByteString) => {
      const entry = this.#existing.get(path);
      return entry !== undefined && (entry.mode & 0o300) !== 0o300;
    };
    return {
      folders: this.#folders,
      files: this.#files,
      bytes: this.#bytes,
      others: this.#others,
      settle: [...this.#options.plan.folders].filter((item) => this.#mustSettle(item)),
      remove: this.#remove,
      open: this.#options.root ? [] : [...this.#written].filter(isClosed),
      stages: this.#stages.used(),
      unchanged: { files: this.#unchangedFiles, bytes: this.#unchangedBytes },
      kept: this.#kept,
      exempt: new Set(this.#options.overwrite === "never" ? this.#existing.keys() : []),
      problems: this.#problems,
    };
  }
}
