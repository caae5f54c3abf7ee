import type { Clock } from "@lifeboat/model";
import type { Pace } from "../object-store.ts";

export interface PaceOptions {
  readonly clock: Clock;
  /** Asked before each piece, so that it may change by the hour; undefined: as fast as it goes. */
  readonly bytesPerSecond: () => number | undefined;
}

/** A piece is about an eighth of a second: a line that others use as well should not stand still for long. */
const piecesPerSecond = 8;
const smallestPieceBytes = 4 * 1024;
const largestPieceBytes = 256 * 1024;

/** One piece after the other, whoever asks: what many operations move together stays at the rate. Time that nobody used is not made up for. */
export function createPace({ clock, bytesPerSecond }: PaceOptions): Pace {
  let freeAtMs = Number.NEGATIVE_INFINITY;
  return {
    pieceBytes() {
      const rate = bytesPerSecond();
      if (rate === undefined) return largestPieceBytes;
      return Math.max(smallestPieceBytes, Math.min(largestPieceBytes, Math.floor(rate / piecesPerSecond)));
    },
    async take(bytes, signal) {
      signal?.throwIfAborted();
      const rate = bytesPerSecond();
      if (rate === undefined) return;
      const nowMs = clock.now();
      const beginMs = Math.max(freeAtMs, nowMs);
      freeAtMs = beginMs + (bytes / rate) * 1000;
      if (beginMs > nowMs) await clock.sleep(beginMs - nowMs, signal);
    },
  };
}
