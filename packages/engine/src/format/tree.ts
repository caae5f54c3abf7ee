import type { ByteString, ExtendedAttribute, FileType } from "@lifeboat/model";
import { byteString, textOf } from "@lifeboat/model";
import { isId } from "./object-names.ts";
import { goJsonBytes, goJsonString, quoteName, unquoteName } from "./quote-name.ts";

/** One member of a folder as stored (repository-format 1.11.3). 64-bit numbers are decimal text: they exceed 2^53. */
export interface TreeNode {
  readonly name: ByteString;
  readonly type: FileType | (string & {});
  /** Go's FileMode. */
  readonly mode: number;
  readonly mtime: string;
  readonly atime: string;
  readonly ctime: string;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  /** "0" where unknown. */
  readonly inode: string;
  readonly deviceId: string;
  readonly size: number;
  readonly links: number;
  readonly linkTarget?: ByteString | undefined;
  readonly xattrs?: readonly ExtendedAttribute[] | undefined;
  /** st_rdev, decimal. */
  readonly device?: string | undefined;
  /** Blob ids of a file, undefined for everything else. */
  readonly content?: readonly string[] | undefined;
  readonly subtree?: string;
}

/** SHA-256 of the empty tree, `{"nodes":[]}\n`. */
export const emptyTreeId = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";

/** A folder of more bytes than this is neither written nor read here: V8's strings end near 512 MiB. */
const maxTreeBytes = 480 * 1024 * 1024;
/** Of an id in a list: its digits, quotes and a comma. */
const idBytes = 67;

/**
 * The canonical bytes of a folder: the tree's id is their hash, so that equal folders have equal ids also across tools
 * (repository-format 1.11.1). `nodes` must be sorted by name bytes, without duplicates. Throws for more than can be read again.
 */
export function encodeTree(nodes: readonly TreeNode[]): Buffer {
  const { tree, leftOut } = encodeTreeThatFits(nodes);
  if (leftOut.length > 0) throw new Error("a folder's nodes are more than one tree can hold");
  return tree;
}

/**
 * As `encodeTree`, without the nodes that do not fit into `maxBytes` beside the others: those with the most content first, because what fills a
 * tree is the blobs of files of many terabytes, or of holes.
 */
export function encodeTreeThatFits(
  nodes: readonly TreeNode[],
  maxBytes = maxTreeBytes,
): { readonly tree: Buffer; readonly leftOut: readonly TreeNode[] } {
  const leftOut = new Set<TreeNode>();
  const parts = new Map<TreeNode, string>();
  let bytes = treeStart.length + treeEnd.length;
  for (const node of nodes) {
    // Not even encoded: its text alone could be longer than a text can be.
    if ((node.content?.length ?? 0) * idBytes > maxBytes) {
      leftOut.add(node);
      continue;
    }
    const part = encodeNode(node);
    parts.set(node, part);
    bytes += lengthOf(part);
  }
  if (bytes > maxBytes) {
    const largest = [...parts].sort(([, a], [, b]) => b.length - a.length);
    for (const [node, part] of largest) {
      if (bytes <= maxBytes) break;
      parts.delete(node);
      leftOut.add(node);
      bytes -= lengthOf(part);
    }
  }
  const tree = Buffer.from(`${treeStart}${[...parts.values()].join(",")}${treeEnd}`, "utf8");
  return { tree, leftOut: [...leftOut] };
}

const treeStart = '{"nodes":[';
const treeEnd = "]}\n";

/** With the comma behind it. */
function lengthOf(part: string): number {
  return Buffer.byteLength(part) + 1;
}

function encodeNode(node: TreeNode): string {
  let json = `{"name":${goJsonString(quoteName(node.name))},"type":"${node.type}"`;
  if (node.mode !== 0) json += `,"mode":${node.mode}`;
  json += `,"mtime":"${node.mtime}","atime":"${node.atime}","ctime":"${node.ctime}","uid":${node.uid},"gid":${node.gid}`;
  if (node.user !== "") json += `,"user":${goJsonString(node.user)}`;
  if (node.group !== "") json += `,"group":${goJsonString(node.group)}`;
  if (node.inode !== "0") json += `,"inode":${node.inode}`;
  if (node.deviceId !== "0") json += `,"device_id":${node.deviceId}`;
  if (node.size !== 0) json += `,"size":${node.size}`;
  if (node.links !== 0) json += `,"links":${node.links}`;
  if (node.linkTarget !== undefined && node.linkTarget !== "") json += encodeLinkTarget(node.linkTarget);
  if (node.xattrs !== undefined && node.xattrs.length > 0)
    json += `,"extended_attributes":[${node.xattrs.map(encodeXattr).join(",")}]`;
  if (node.device !== undefined && node.device !== "0") json += `,"device":${node.device}`;
  if (node.content === undefined) json += ',"content":null';
  else json += node.content.length === 0 ? ',"content":[]' : `,"content":["${node.content.join('","')}"]`;
  if (node.subtree !== undefined) json += `,"subtree":"${node.subtree}"`;
  return `${json}}`;
}

/** A target that is not UTF-8 is kept as base64 beside its lossy text (restic 0.16 and later read it). */
function encodeLinkTarget(target: ByteString): string {
  const text = textOf(target);
  if (text !== undefined) return `,"linktarget":${goJsonString(text)}`;
  return `,"linktarget":${goJsonBytes(target)},"linktarget_raw":"${Buffer.from(target, "latin1").toString("base64")}"`;
}

function encodeXattr(attribute: ExtendedAttribute): string {
  const { value } = attribute;
  const base64 = Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  return `{"name":${goJsonBytes(attribute.name)},"value":"${base64}"}`;
}

interface RawNode {
  name?: unknown;
  type?: unknown;
  mode?: number;
  mtime?: string;
  atime?: string;
  ctime?: string;
  uid?: number;
  gid?: number;
  user?: string;
  group?: string;
  inode?: number | string;
  device_id?: number | string;
  size?: number | string;
  links?: number | string;
  linktarget?: string;
  linktarget_raw?: string;
  extended_attributes?: { name: string; value: string | null }[];
  device?: number | string;
  content?: string[] | null;
  subtree?: string;
}

/** Node names that could leave the folder they stand in. */
function isHostileName(name: ByteString): boolean {
  return name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0");
}

/**
 * Reads a folder that any restic-format tool wrote. Throws an Error with the reason for anything that is not a tree; names that
 * could escape the folder are refused.
 */
export function decodeTree(bytes: Uint8Array): TreeNode[] {
  if (bytes.length > maxTreeBytes) throw new Error(`folder of ${bytes.length} bytes is larger than can be read`);
  let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  // Numbers above 2^53 lose digits in JSON.parse. A quote inside a JSON string is escaped, so this finds members only.
  if (/":\d{16}/.test(text)) text = text.replace(/"(inode|device_id|size|links|device)":(\d{16,20})/g, '"$1":"$2"');
  const parsed = JSON.parse(text) as { nodes?: RawNode[] | null };
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("not an object");
  if (parsed.nodes === null || parsed.nodes === undefined) return [];
  if (!Array.isArray(parsed.nodes)) throw new Error("'nodes' is not an array");
  return parsed.nodes.map(decodeNode);
}

function decodeNode(raw: RawNode): TreeNode {
  const name = typeof raw.name === "string" ? unquoteName(raw.name) : undefined;
  if (name === undefined || isHostileName(name)) throw new Error(`bad node name ${JSON.stringify(raw.name)?.slice(0, 300)}`);
  if (typeof raw.type !== "string") throw new Error("node without a type");
  const size = Number(raw.size ?? 0);
  if (!isSane(raw, size)) throw new Error(`node ${quoteName(name).slice(0, 300)} has fields of a wrong kind`);
  return {
    name,
    type: raw.type,
    mode: raw.mode ?? 0,
    mtime: raw.mtime ?? "1970-01-01T00:00:00Z",
    atime: raw.atime ?? "1970-01-01T00:00:00Z",
    ctime: raw.ctime ?? "1970-01-01T00:00:00Z",
    uid: raw.uid ?? 0,
    gid: raw.gid ?? 0,
    user: raw.user ?? "",
    group: raw.group ?? "",
    inode: String(raw.inode ?? 0),
    deviceId: String(raw.device_id ?? 0),
    size,
    links: Number(raw.links ?? 0),
    ...(raw.linktarget !== undefined && {
      linkTarget:
        raw.linktarget_raw !== undefined
          ? (Buffer.from(raw.linktarget_raw, "base64").toString("latin1") as ByteString)
          : byteString(raw.linktarget),
    }),
    ...(raw.extended_attributes && {
      xattrs: raw.extended_attributes.map(({ name, value }) => ({
        name: byteString(name),
        value: Buffer.from(value ?? "", "base64"),
      })),
    }),
    ...(raw.device !== undefined && { device: String(raw.device) }),
    ...(raw.content && { content: raw.content }),
    ...(raw.subtree !== undefined && { subtree: raw.subtree }),
  };
}

/** What is computed with must be numbers, and what is looked up must be ids. */
function isSane({ mode, uid, gid, content, subtree, mtime, device, linktarget }: RawNode, size: number): boolean {
  for (const number of [mode, uid, gid]) {
    if (number !== undefined && !(Number.isInteger(number) && number >= 0 && number < 2 ** 32)) return false;
  }
  if (!(size >= 0 && Number.isFinite(size)) || (mtime !== undefined && typeof mtime !== "string")) return false;
  if (linktarget !== undefined && typeof linktarget !== "string") return false;
  if (device !== undefined && !/^\d{1,20}$/.test(String(device))) return false;
  if (subtree !== undefined && subtree !== null && !isId(subtree)) return false;
  return content === undefined || content === null || (Array.isArray(content) && content.every(isId));
}

/** Sorts in place by name bytes, as the format demands. */
export function sortNodes<T extends { readonly name: ByteString }>(nodes: T[]): T[] {
  return nodes.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
