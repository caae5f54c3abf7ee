import type { ByteString, ExtendedAttribute, FileType } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";

interface RareFields {
  readonly linkTarget: ByteString | undefined;
  readonly xattrs: readonly ExtendedAttribute[] | undefined;
  readonly device: string | undefined;
}

/** Text that many nodes share, once. */
const shared = new Map<string, string>();
const maxShared = 1000;
const idBytes = 32;

/**
 * What restoring needs of a node, in a third of the memory: a plan holds one for each of millions of files. Left out are the name
 * (a plan has paths), owners' names, access and change times, the subtree, and the inode of what has one name only. Content is kept as
 * bytes and comes from a getter: a copy by `{ ...node }` is without it.
 */
export class PlannedNode implements TreeNode {
  readonly type: FileType | (string & {});
  readonly mode: number;
  readonly mtime: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly inode: string;
  readonly deviceId: string;
  /** Ids side by side, a byte a unit. */
  readonly #content: string | undefined;
  readonly #rare: RareFields | undefined;

  /** `mode`: another one than the node's. */
  constructor(node: TreeNode, mode = node.mode) {
    const { type, mtime, uid, gid, size, links, inode, deviceId, content, linkTarget, xattrs, device } = node;
    this.type = share(type);
    this.mode = mode;
    this.mtime = mtime;
    this.uid = uid;
    this.gid = gid;
    this.size = size;
    this.links = links;
    this.inode = links > 1 ? inode : "0";
    this.deviceId = share(deviceId);
    this.#content = content === undefined ? undefined : Buffer.from(content.join(""), "hex").toString("latin1");
    const isPlain = linkTarget === undefined && xattrs === undefined && device === undefined;
    this.#rare = isPlain ? undefined : { linkTarget, xattrs, device };
  }

  get content(): readonly string[] | undefined {
    if (this.#content === undefined) return undefined;
    const hex = Buffer.from(this.#content, "latin1").toString("hex");
    return Array.from({ length: hex.length / (2 * idBytes) }, (_, at) => hex.slice(at * 2 * idBytes, (at + 1) * 2 * idBytes));
  }

  get linkTarget(): ByteString | undefined {
    return this.#rare?.linkTarget;
  }

  get xattrs(): readonly ExtendedAttribute[] | undefined {
    return this.#rare?.xattrs;
  }

  get device(): string | undefined {
    return this.#rare?.device;
  }

  get name(): ByteString {
    return "" as ByteString;
  }

  get atime(): string {
    return this.mtime;
  }

  get ctime(): string {
    return this.mtime;
  }

  get user(): string {
    return "";
  }

  get group(): string {
    return "";
  }
}

function share(text: string): string {
  const known = shared.get(text);
  if (known !== undefined) return known;
  if (shared.size >= maxShared) shared.clear();
  shared.set(text, text);
  return text;
}
