export { type BackupOrder, type BackupOutcome, runBackup } from "./backup.ts";
export { assetTag, findAsset, runTag } from "./find-asset.ts";
export type { JobContext, OwnLockJournal } from "./job-context.ts";
export { findHost, openMachine } from "./open-machine.ts";
export {
  findRepository,
  initChosenRepository,
  openChosenRepository,
  type RepositoryByHand,
  type RepositoryChoice,
} from "./open-repository.ts";
export { type RestoreOrder, type RestoreOutcome, refuseFull, runRestore } from "./restore.ts";
export { createRunRecord, endOfError, type RunEnd, type RunOrder, saveRunRecord } from "./run-record.ts";
export { hashOfContent, type VerifyReport, verifyRestored } from "./verify-restored.ts";
export { removeOwnDeadLocks, withLock } from "./with-lock.ts";
