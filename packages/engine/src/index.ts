export { type ArchiveDumpOptions, archiveDump } from "./archiver/archive-dump.ts";
export {
  type ArchiveCheckpoints,
  type ArchiveFigures,
  type ArchiveOptions,
  type ArchiveResult,
  archiveFiles,
} from "./archiver/archive-files.ts";
export { changeOf, type ListingMatch, type MatchListingOptions, matchListing } from "./archiver/match-listing.ts";
export {
  type CacheOptions,
  createMemoryStore,
  createPace,
  describeUrl,
  injectFaults,
  limitRate,
  loadStoreCode,
  type ObjectInfo,
  type ObjectStore,
  type OpenStoreOptions,
  openObjectStore,
  type Pace,
  parseRepositoryUrl,
  type S3Credentials,
  type StoreLocation,
  type StorePaces,
} from "./backend/index.ts";
export { nativeSealingInUse } from "./blob-codec/index.ts";
export { type ScryptCost, sha256Hex, sha256Stream } from "./crypto/index.ts";
export {
  isId,
  lastingId,
  type SideKind,
  type Snapshot,
  type SnapshotFields,
  type SnapshotSummary,
  type TreeNode,
  unixMode,
} from "./format/index.ts";
export type { AffectedFile, CheckError, CheckErrorKind, CheckReport, ReadDataChoice } from "./maintenance/check-report.ts";
export {
  type CheckedStructure,
  type CheckOptions,
  checkContent,
  checkRepository,
  checkStructure,
  isStructureStillThere,
} from "./maintenance/check-repository.ts";
export {
  type CopySideOptions,
  type CopySideResult,
  copySideData,
  replicatedSideKinds,
  type SideFingerprints,
} from "./maintenance/copy-side-data.ts";
export { type CopyOptions, type CopyResult, copySnapshots, matchCopies } from "./maintenance/copy-snapshots.ts";
export { type DiffEntry, type DiffSign, diffSnapshots } from "./maintenance/diff-snapshots.ts";
export { type ExecutePruneOptions, executePrune, type PruneResult } from "./maintenance/execute-prune.ts";
export {
  assetOfSnapshot,
  type FoundSnapshot,
  filterSnapshots,
  findSnapshot,
  parseSnapshotAddress,
  runOfSnapshot,
  type SnapshotAddress,
  type SnapshotFilter,
} from "./maintenance/find-snapshot.ts";
export { type ForgetChoice, forgetSnapshots } from "./maintenance/forget-snapshots.ts";
export { findNode, findShownPath, type ListTreeOptions, listTree, type TreeEntry } from "./maintenance/list-tree.ts";
export { type PlanPruneOptions, planPrune } from "./maintenance/plan-prune.ts";
export { describePrunePlan, type PrunePack, type PrunePlan } from "./maintenance/prune-plan.ts";
export { findLostRoots, type LostRoots, recoverRoots } from "./maintenance/recover-roots.ts";
export { type RepairIndexOptions, type RepairIndexResult, repairIndex } from "./maintenance/repair-index.ts";
export { type RepairedPack, type RepairPacksOptions, type RepairPacksResult, repairPacks } from "./maintenance/repair-packs.ts";
export {
  executeSnapshotRepair,
  isRepaired,
  planSnapshotRepair,
  repairedTag,
  type SnapshotRepairPlan,
  type SnapshotRepairResult,
} from "./maintenance/repair-snapshots.ts";
export { replaceSnapshot } from "./maintenance/replace-snapshot.ts";
export {
  addKey,
  type ChangedPassword,
  changePassword,
  findKey,
  listKeys,
  type NewKey,
  type RepositoryKey,
  removeKey,
} from "./maintenance/repository-keys.ts";
export { type RepositoryStats, repositoryStats } from "./maintenance/repository-stats.ts";
export { type ExecuteRewriteOptions, executeRewrite, planRewrite, type RewritePlan } from "./maintenance/rewrite-snapshots.ts";
export {
  type ListedKind,
  listedKinds,
  listObjects,
  type ShownKind,
  shownKinds,
  showObject,
} from "./maintenance/show-object.ts";
export { type SnapshotStats, type StatsMode, snapshotStats, statsModes } from "./maintenance/snapshot-stats.ts";
export { streamFile } from "./maintenance/stream-file.ts";
export type { RepairedPath, TreeDamage } from "./maintenance/tree-repairer.ts";
export { unlockRepository } from "./maintenance/unlock-repository.ts";
export type { BlobLocation } from "./repository/blob-index.ts";
export { BlobWriter } from "./repository/blob-writer.ts";
export { isStale, type LockJournal, type LockOptions, listLocks, RepositoryLock, removeLocks } from "./repository/lock.ts";
export type { LockOwner, StoredLock } from "./repository/lock-file.ts";
export { type InitOptions, initRepository, openRepository, type StorePlace } from "./repository/open-repository.ts";
export { Repository } from "./repository/repository.ts";
export { BlobReader } from "./restorer/blob-reader.ts";
export { type CompareOptions, compareContents, type FileToCompare } from "./restorer/compare-contents.ts";
export { describeDifferences, hasSameOwner } from "./restorer/compare-entry.ts";
export type { RestoreItem, RestoreItems, RestoreNode } from "./restorer/restore-item.ts";
export { planRestore, type RestorePlan } from "./restorer/restore-plan.ts";
export { type ExistingRule, type RestoreOptions, type RestoreResult, restoreSnapshot } from "./restorer/restore-snapshot.ts";
export type { RestoreProblem } from "./restorer/restore-tally.ts";
export { writeTarArchive } from "./restorer/tar-archive.ts";
