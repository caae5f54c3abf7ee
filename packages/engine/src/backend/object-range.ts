import { LifeboatError } from "@lifeboat/model";
import { defaultMaxBytes, type GetOptions, type RangeOptions } from "./object-store.ts";

/** Place for messages: `data/ab/abcd in s3:http://host/bucket`. */
export interface ObjectPlace {
  readonly name: string;
  readonly url: string;
}

export function missingObject(place: ObjectPlace, cause?: unknown): LifeboatError {
  return new LifeboatError("object-missing", `object ${place.name} is not in ${place.url}`, {
    context: { object: place.name, store: place.url },
    cause,
  });
}

/** Half-open byte range of an object of `size` bytes; throws where the object has not all that is asked for. */
export function resolveRange(place: ObjectPlace, size: number, options: RangeOptions = {}): { start: number; end: number } {
  checkRange(options);
  const start = options.offset ?? 0;
  const end = options.length === undefined ? size : start + options.length;
  if (start > size || end > size) throw tooShort(place, size, start, end);
  return { start, end };
}

/** Offsets come from our own index; a wrong one is a bug, a too large one damage (`resolveRange`). */
export function checkRange({ offset, length }: RangeOptions): void {
  if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) throw new TypeError(`not an offset: ${offset}`);
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 1)) throw new TypeError(`not a length: ${length}`);
}

export function tooShort(place: ObjectPlace, size: number | undefined, start: number, end: number): LifeboatError {
  const has = size === undefined ? "fewer" : String(size);
  return new LifeboatError(
    "repository-damaged",
    `object ${place.name} in ${place.url} has ${has} bytes, bytes ${start} to ${end} are wanted`,
    { context: { object: place.name, store: place.url } },
  );
}

export function checkAllowedSize(place: ObjectPlace, size: number, options: GetOptions = {}): void {
  const most = Math.min(options.maxBytes ?? defaultMaxBytes, options.into?.length ?? Number.POSITIVE_INFINITY);
  if (size <= most) return;
  throw new LifeboatError(
    "repository-damaged",
    `object ${place.name} in ${place.url} gives ${size} bytes, at most ${most} are expected`,
    { context: { object: place.name, store: place.url, size } },
  );
}

/** The transfer broke: the object may be well, so the same call may help. */
export function brokenTransfer(place: ObjectPlace, received: number, expected: number, cause?: unknown): LifeboatError {
  return new LifeboatError(
    "store-failed",
    `reading ${place.name} from ${place.url} ended after ${received} of ${expected} bytes`,
    { retry: "later", context: { object: place.name, store: place.url }, cause },
  );
}
