export { type BackupOrder, type BackupOutcome, runBackup } from "./backup.ts";
export { type CheckOrder, runCheck } from "./check.ts";
export { type CopyOrder, copyToRepository } from "./copy-to-repository.ts";
export { assetTag, findAsset, runTag } from "./find-asset.ts";
export { type ForgetOrder, type ForgetOutcome, runForget } from "./forget.ts";
export type { CacheChoice, JobContext, OwnLockJournal } from "./job-context.ts";
export { findHost, openMachine } from "./open-machine.ts";
export {
  findRepository,
  initChosenRepository,
  openChosenRepository,
  type RepositoryByHand,
  type RepositoryChoice,
} from "./open-repository.ts";
export { type BackupPreview, type PreviewFinding, type PreviewOrder, previewBackup } from "./preview-backup.ts";
export { type PruneOrder, runPrune } from "./prune.ts";
export { type ReplicateOrder, type ReplicateOutcome, runReplicate } from "./replicate.ts";
export { type RestoreOrder, type RestoreOutcome, refuseFull, runRestore } from "./restore.ts";
export type { Checkpoint } from "./run-checkpoints.ts";
export { type JobOutcome, runRepositoryJob } from "./run-job.ts";
export { createRunRecord, endOfError, type RunEnd, type RunOrder, saveRunRecord } from "./run-record.ts";
export { mostSampledFiles, Sample, type SampleSize } from "./sample-files.ts";
export { seenSnapshot } from "./seen-snapshot.ts";
export { type LiveFinding, type VerifyLiveOrder, type VerifyLiveReport, verifyLive } from "./verify-live.ts";
export { hashOfContent, type VerifyReport, verifyRestored } from "./verify-restored.ts";
export { ownDeadLocks, removeOwnDeadLocks, withLock } from "./with-lock.ts";
