export { decodeConfig, encodeConfig, type RepositoryConfig } from "./config-file.ts";
export { goFileMode, unixMode } from "./file-mode.ts";
export { decodeIndex, encodeIndex, type IndexedPack, maxBlobsPerIndex } from "./index-file.ts";
export { createMasterKey, decodeKeyOrigin, encodeKeyFile, type KeyFileOrigin, openKeyFile } from "./key-file.ts";
export {
  configName,
  idOfName,
  isId,
  type ObjectKind,
  objectName,
  objectPrefix,
  type SideKind,
  sidePrefix,
} from "./object-names.ts";
export {
  type BlobType,
  decodePackHeader,
  encodePackHeader,
  headerBytes,
  headerEntryBytes,
  maxHeaderBytes,
  type PackedBlob,
  packBytes,
} from "./pack-header.ts";
export { quoteName, unquoteName } from "./quote-name.ts";
export {
  decodeSnapshot,
  encodeSnapshot,
  lastingId,
  type Snapshot,
  type SnapshotFields,
  type SnapshotSummary,
} from "./snapshot-file.ts";
export { decodeTree, emptyTreeId, encodeTree, encodeTreeThatFits, sortNodes, type TreeNode } from "./tree.ts";
export { decodeUnpacked, encodeUnpacked, maxUnpackedBytes } from "./unpacked.ts";
export { chooseCompression, compress, compressBound, decompress } from "./zstd.ts";
