export { type ByteString, byteString, displayName, fromBytes, textOf, toBytes } from "./bytes/byte-string.ts";
export type * from "./config/compiled-config.ts";
export type { ConfigProblem, Place, ProblemCode } from "./config/config-problem.ts";
export { type Explanation, explainValue, type Origin, renderExplanation } from "./config/explain-value.ts";
export { type RenderProblemsOptions, renderProblems } from "./config/render-problems.ts";
export { type SampleConfigAnswers, sampleConfig } from "./config/sample-config.ts";
export { suggest } from "./config/suggest.ts";
export { formatDuration, parseDuration, parseRate, parseRatio, parseSize } from "./config/units.ts";
export { describeSystemError } from "./errors/describe-system-error.ts";
export { type ErrorCode, errorCodes } from "./errors/error-codes.ts";
export type { ErrorRow } from "./errors/error-row.ts";
export { exitCodes } from "./errors/exit-codes.ts";
export { isLifeboatError, LifeboatError, type LifeboatErrorOptions, messageOf, withState } from "./errors/lifeboat-error.ts";
export { errorObject, type RenderErrorOptions, renderError } from "./errors/render-error.ts";
export type { DumpFacts, DumpSource } from "./files/dump-source.ts";
export type { ExtendedAttribute, FileEntry, FileExtras, FileType } from "./files/file-entry.ts";
export { type FileRanges, pageBytes, pageHashBytes, type RangeAccess, type RangesVerdict } from "./files/file-ranges.ts";
export type { FileSelection, LeftOutReason } from "./files/file-selection.ts";
export type { FileHash, FileSource, ListOptions, ReadEvent, SourceProblem } from "./files/file-source.ts";
export { globToRegex } from "./files/glob-to-regex.ts";
export { describeLosses, isToldByTimeAlone, type SourceLoss } from "./files/source-loss.ts";
export { describeSkew, type HostFacts, skewWarning } from "./machine/host-facts.ts";
export { type Jump, parseJumpList } from "./machine/jump-list.ts";
export type { CommandArgument, CommandExit, Machine, RunningCommand, RunOptions } from "./machine/machine.ts";
export { type Logger, silentLogger } from "./progress/logger.ts";
export type { ProgressListener, ProgressStatus } from "./progress/progress.ts";
export { assessProtection } from "./protection/assess-protection.ts";
export { clockToleranceMs } from "./protection/judge-age.ts";
export {
  type AssetProtection,
  type CountOf,
  type GoodCopy,
  type JudgedAge,
  type Protection,
  type ProtectionCounts,
  type ProtectionInput,
  type ProtectionLevel,
  type ProtectionState,
  protectionLevels,
  protectionStates,
  type RestoreProof,
  type SchedulerLife,
} from "./protection/protection.ts";
export { type AgeJson, type AssetJson, type ProtectionJson, protectionJson } from "./protection/protection-json.ts";
export { hasReadAllData, hasReadStructure, isDataDamage } from "./protection/repository-state.ts";
export type {
  ExtractOutcome,
  Overwrite,
  RestoreTarget,
  TargetPreparation,
  TargetProblem,
  TargetState,
} from "./restore/restore-target.ts";
export { type CalendarSpan, parseCalendarSpan } from "./retention/calendar-span.ts";
export { type GroupCandidate, type GroupDimension, groupSnapshots, type SnapshotGroup } from "./retention/group-snapshots.ts";
export { isPinned, pinTag } from "./retention/pin.ts";
export {
  type RetentionCandidate,
  type RetentionChoice,
  type RetentionRule,
  selectRetention,
  type WithinBucket,
} from "./retention/select-retention.ts";
export { findTimeJump, type TimeJump } from "./retention/time-jump.ts";
export { assetName, isName, namePattern, parseAssetName } from "./run/names.ts";
export { countedAttempt, type RetryRule, retryDelayMs, retryRuleOf, waitsForLocks } from "./run/retry-delay.ts";
export type { RunId, RunIdParts, RunKind, RunRecord, RunResult, RunState } from "./run/run.ts";
export { assetOf, formatRunId, parseRunId, runKinds } from "./run/run-id.ts";
export { exitCodeOf, resultOrder, worstResult } from "./run/run-result.ts";
export { formatSlotTime, parseSlotTime } from "./run/slot-time.ts";
export { type CatchUp, catchUpSlots, ordinaryClockStepMs } from "./schedule/catch-up.ts";
export { parseCron } from "./schedule/cron.ts";
export { jitterMs } from "./schedule/jitter.ts";
export { type LimitHours, type RateLimits, type Rates, ratesAt } from "./schedule/rate-limits.ts";
export { lastSlot, nextSlot, slotsBetween } from "./schedule/slots.ts";
export { formatWithOffset, isTimeZone, zoneOffsetMs } from "./schedule/time-zone.ts";
export { worstGapSeconds } from "./schedule/worst-gap.ts";
export { describeSecret, type SecretReference, type SecretResolver } from "./secrets/secret-reference.ts";
export type { Clock } from "./time/clock.ts";
export { epochFromRfc3339, type Rfc3339Nanos, rfc3339FromEpoch, rfc3339FromMilliseconds } from "./time/rfc3339.ts";
