/**
 * A policy's own fixed shift, 0..`jitterSeconds` whole seconds, in milliseconds: a hash of its name, so that policies spread
 * out but times do not wander. FNV-1a with a final mix; it must never change, because slots are computed again from it.
 */
export function jitterMs(policyName: string, jitterSeconds: number): number {
  if (jitterSeconds <= 0) return 0;
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(policyName)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return ((hash >>> 0) % (Math.floor(jitterSeconds) + 1)) * 1000;
}
