/** Smaller ones may lie in a pool of Node's that others use too. */
const minBytes = 16 * 1024;

/**
 * Gives the memory of a buffer back at once, where it owns all of it. The collector sees only small objects and would leave hundreds
 * of megabytes behind them; memory that is used again at once is also still in the processor's cache. The bytes are gone afterwards.
 */
export function releaseMemory(bytes: Uint8Array): void {
  const { buffer, byteOffset, length } = bytes;
  if (length < minBytes || byteOffset !== 0 || buffer.byteLength - length > 64 || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
