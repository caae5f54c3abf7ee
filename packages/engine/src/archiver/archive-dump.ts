import { type ByteString, byteString, type Rfc3339Nanos } from "@lifeboat/model";
import { encodeTree, goFileMode, type TreeNode } from "../format/index.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";

export interface ArchiveDumpOptions {
  readonly writer: BlobWriter;
  /** Virtual path of the dump: "/HOST/SOURCE.EXT". */
  readonly path: string;
  readonly time: Rfc3339Nanos;
  readonly stream: AsyncIterable<Uint8Array>;
  readonly onBytes?: (total: number) => void;
}

/**
 * Stores a stream as one file. The caller awaits the dump program's own verdict before it commits: bytes that arrived say nothing
 * about whether the dump is whole.
 */
export async function archiveDump(options: ArchiveDumpOptions): Promise<{ readonly tree: string; readonly bytes: number }> {
  const { writer, time } = options;
  const stream = writer.openStream();
  try {
    for await (const bytes of options.stream) {
      await stream.write(bytes);
      options.onBytes?.(stream.bytes);
    }
  } catch (error) {
    stream.drop();
    throw error;
  }
  const content = await stream.finish();
  const names = options.path.split("/").filter((name) => name !== "");
  const file = virtualNode(names.at(-1)!, "file", time, { content, size: stream.bytes });
  let tree = writer.saveTree(encodeTree([file]));
  for (const name of names.slice(0, -1).reverse()) {
    tree = writer.saveTree(encodeTree([virtualNode(name, "dir", time, { subtree: tree })]));
  }
  return { tree, bytes: stream.bytes };
}

/** No inode, so that restic never takes two dumps for hard links of each other. */
function virtualNode(name: string, type: "file" | "dir", time: string, more: Partial<TreeNode>): TreeNode {
  return {
    name: byteString(name) as ByteString,
    type,
    mode: goFileMode(type, type === "dir" ? 0o755 : 0o644),
    mtime: time,
    atime: time,
    ctime: time,
    uid: 0,
    gid: 0,
    user: "",
    group: "",
    inode: "0",
    deviceId: "0",
    size: 0,
    links: type === "file" ? 1 : 0,
    ...more,
  };
}
