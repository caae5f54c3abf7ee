import type { Socket } from "node:net";
import { loadNativePart } from "../../native/load-native-part.ts";

/** `native/acknowledge.c`. */
interface NativePart {
  acknowledge(descriptor: number): void;
}

let native: NativePart | undefined | "unknown" = "unknown";

/**
 * Tells the server at once that what it sent has come, where more of an answer is awaited: one that holds its next piece back until then
 * (Ceph's gateway) would have 40 ms pass (docs/adr/0027). Of no use, and of no harm, with any other server, and without the compiled part.
 */
export function acknowledge(socket: Socket | null): void {
  // Of Node's net and tls; undefined when the connection is closed, below 0 when it has no descriptor.
  const { _handle: handle } = (socket ?? {}) as { _handle?: { readonly fd?: number } | null };
  const descriptor = handle?.fd ?? -1;
  if (descriptor < 0) return;
  if (native === "unknown") native = loadNativePart("acknowledge") as NativePart | undefined;
  native?.acknowledge(descriptor);
}
