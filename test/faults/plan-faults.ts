import type { createSeededRandom } from "../fixtures/seeded-random.ts";

/** What is broken. Of each kind `npm test` has at least one. */
export type FaultKind =
  | "SIGKILL at a request to the store"
  | "SIGKILL at a moment"
  | "SIGKILL at a byte from the host"
  | "SIGKILL at a change of the repository's folder"
  | "S3 answers 500"
  | "S3 answers 503"
  | "S3 never answers"
  | "S3 resets connections"
  | "S3 connection cut in an upload"
  | "S3 answers cut short"
  | "S3 answers slowly"
  | "SSH connection cut"
  | "disk full";

/** The commands that are broken; what changes a repository matters most. */
export type FaultCommand = "backup" | "prune" | "copy" | "rewrite" | "forget" | "restore" | "check";

/** `main` and `second` lie on S3, `disk` on a small disk. */
export type FaultPlace = "main" | "second" | "disk";

export interface FaultPlan {
  readonly kind: FaultKind;
  readonly command: FaultCommand;
  /** A copy goes there from `main`. */
  readonly place: FaultPlace;
  /** `passing`: retries outlast it, and the command succeeds. `lasting`: the command fails or dies. */
  readonly form: "passing" | "lasting";
}

type Row = readonly [FaultKind, FaultCommand, FaultPlace, FaultPlan["form"]];

/** Each kind, and each command that changes a repository killed once. */
const shortPlan: readonly Row[] = [
  ["SIGKILL at a request to the store", "backup", "main", "lasting"],
  ["S3 answers 503", "backup", "main", "passing"],
  ["SSH connection cut", "backup", "main", "passing"],
  ["SIGKILL at a request to the store", "copy", "second", "lasting"],
  ["SIGKILL at a request to the store", "rewrite", "main", "lasting"],
  ["SIGKILL at a request to the store", "prune", "main", "lasting"],
  ["S3 connection cut in an upload", "backup", "main", "passing"],
  ["SSH connection cut", "backup", "main", "lasting"],
  ["SIGKILL at a byte from the host", "backup", "disk", "lasting"],
  ["disk full", "backup", "disk", "lasting"],
  ["SIGKILL at a moment", "forget", "main", "lasting"],
  ["S3 answers 500", "prune", "main", "lasting"],
  ["S3 answers cut short", "restore", "main", "passing"],
  ["S3 never answers", "backup", "main", "passing"],
  ["disk full", "prune", "disk", "lasting"],
  ["SIGKILL at a change of the repository's folder", "prune", "disk", "lasting"],
  ["S3 answers slowly", "check", "second", "passing"],
  ["S3 resets connections", "copy", "second", "lasting"],
];

/** How often each kind comes in 220. */
const weights: Readonly<Record<FaultKind, number>> = {
  "SIGKILL at a request to the store": 60,
  "SIGKILL at a moment": 16,
  "SIGKILL at a byte from the host": 12,
  "SIGKILL at a change of the repository's folder": 16,
  "S3 answers 500": 16,
  "S3 answers 503": 16,
  "S3 never answers": 10,
  "S3 resets connections": 10,
  "S3 connection cut in an upload": 14,
  "S3 answers cut short": 14,
  "S3 answers slowly": 6,
  "SSH connection cut": 14,
  "disk full": 16,
};

/** What breaks when so many bytes have come from the host. */
export const brokenAtHostBytes: readonly FaultKind[] = ["SIGKILL at a byte from the host", "SSH connection cut"];
const ofDisk: readonly FaultKind[] = ["SIGKILL at a change of the repository's folder", "disk full"];
const uploading: readonly FaultCommand[] = ["backup", "backup", "backup", "prune", "prune", "copy", "rewrite"];
const anyCommand: readonly FaultCommand[] = [
  ...["backup", "backup", "backup", "backup", "prune", "prune", "prune", "prune"],
  ...["copy", "copy", "rewrite", "rewrite", "forget", "restore", "check"],
] as FaultCommand[];

type Random = ReturnType<typeof createSeededRandom>;

/** A fixed small list, or 220 at random. */
export function planFaults(random: Random, isLong: boolean): FaultPlan[] {
  if (!isLong) return shortPlan.map(([kind, command, place, form]) => ({ kind, command, place, form }));
  const pick = <T>(list: readonly T[]) => list[random.below(list.length)]!;
  const plans = (Object.entries(weights) as [FaultKind, number][]).flatMap(([kind, count]) =>
    Array.from({ length: count }, () => planOne(kind, pick)),
  );
  for (let at = plans.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [plans[at], plans[other]] = [plans[other]!, plans[at]!];
  }
  return plans;
}

function planOne(kind: FaultKind, pick: <T>(list: readonly T[]) => T): FaultPlan {
  const isOfDisk = ofDisk.includes(kind);
  const command: FaultCommand = brokenAtHostBytes.includes(kind)
    ? "backup"
    : kind === "S3 connection cut in an upload" || kind === "disk full"
      ? pick(uploading)
      : pick(isOfDisk ? anyCommand.slice(0, -2) : anyCommand);
  const place: FaultPlace = isOfDisk
    ? "disk"
    : command === "copy"
      ? "second"
      : command === "backup"
        ? kind === "SIGKILL at a byte from the host"
          ? pick(["main", "disk"])
          : "main"
        : pick(["main", "main", "second"]);
  const form =
    kind === "S3 answers slowly"
      ? "passing"
      : kind.startsWith("S3") || kind === "SSH connection cut"
        ? pick(["passing", "lasting"] as const)
        : "lasting";
  return { kind, command, place, form };
}
