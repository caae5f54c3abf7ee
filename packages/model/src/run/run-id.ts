import { isName, parseAssetName } from "./names.ts";
import type { RunId, RunIdParts, RunKind } from "./run.ts";
import { formatSlotTime, parseSlotTime } from "./slot-time.ts";

export const runKinds = [
  "backup",
  "forget",
  "prune",
  "check",
  "replicate",
  "restore",
  "drill",
] as const satisfies readonly RunKind[];

const suffixPattern = /^[a-z0-9]{1,16}$/;

/**
 * `backup/web1/uploads@20261122T020000Z`; with a suffix (started by hand) `...@20261122T020000.123Z-x7k2`.
 * Throws a RangeError when the parts cannot make an id that reads back equal: that is a bug of the caller.
 */
export function formatRunId(parts: RunIdParts): RunId {
  const { kind, object, slot, suffix } = parts;
  if (!runKinds.includes(kind)) throw new RangeError(`"${kind}" is no kind of run`);
  if (!isName(object) && parseAssetName(object) === undefined) throw new RangeError(`"${object}" is no name of a run's object`);
  if (suffix === undefined) return `${kind}/${object}@${formatSlotTime(slot)}` as RunId;
  if (!suffixPattern.test(suffix)) throw new RangeError(`"${suffix}" is no suffix of a run id`);
  return `${kind}/${object}@${formatSlotTime(slot, { withMilliseconds: true })}-${suffix}` as RunId;
}

const idPattern = /^([a-z]+)\/([a-z0-9._/-]+)@([0-9TZ.]+)(?:-([a-z0-9]+))?$/;

/** The parts, or undefined when the text is no run id. `formatRunId(parseRunId(text))` is the text again. */
export function parseRunId(text: string): RunIdParts | undefined {
  if (text.length > 200) return undefined;
  const match = idPattern.exec(text);
  if (match === null) return undefined;
  const [, kind = "", object = "", time = "", suffix] = match;
  if (!(runKinds as readonly string[]).includes(kind)) return undefined;
  if (!isName(object) && parseAssetName(object) === undefined) return undefined;
  const slot = parseSlotTime(time);
  if (slot === undefined || slot.hasMilliseconds !== (suffix !== undefined)) return undefined;
  if (suffix === undefined) return { kind: kind as RunKind, object, slot: slot.milliseconds };
  if (!suffixPattern.test(suffix)) return undefined;
  return { kind: kind as RunKind, object, slot: slot.milliseconds, suffix };
}

/** The asset "HOST/SOURCE" that a run is about, or undefined when it is about a repository, a policy or a drill. */
export function assetOf(run: RunIdParts | string): string | undefined {
  const parts = typeof run === "string" ? parseRunId(run) : run;
  return parts !== undefined && parseAssetName(parts.object) !== undefined ? parts.object : undefined;
}
