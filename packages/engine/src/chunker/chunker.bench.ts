import { createChacha12Bytes } from "./chacha12-bytes.ts";
import { Chunker } from "./index.ts";

/** `node packages/engine/src/chunker/chunker.bench.ts`: speed of one core by CPU time, so that a busy machine disturbs less. */
const polynomial = "3da3358b4dc173";
const data = createChacha12Bytes(23n, 64 * 1024 * 1024);

function measure(pushBytes: number, streamBytes: number): number {
  const before = process.cpuUsage();
  for (let start = 0; start < data.length; start += streamBytes) {
    const chunker = new Chunker(polynomial);
    const end = Math.min(start + streamBytes, data.length);
    for (let at = start; at < end; at += pushBytes) chunker.push(data.subarray(at, Math.min(at + pushBytes, end)));
    chunker.finish();
  }
  const used = process.cpuUsage(before);
  return data.length / (used.user + used.system);
}

for (const [name, pushBytes, streamBytes] of [
  ["one stream, pushes of 1 MiB", 1024 * 1024, data.length],
  ["one stream, pushes of 32 KiB", 32 * 1024, data.length],
  ["one stream, pushes of 1 KiB", 1024, data.length],
  ["streams of 256 KiB", 32 * 1024, 256 * 1024],
  ["streams of 4 KiB", 4096, 4096],
] as const) {
  const rates = Array.from({ length: 9 }, () => measure(pushBytes, streamBytes)).sort((a, b) => a - b);
  process.stdout.write(`${name}: median ${rates[4]!.toFixed(0)} MB/s, best ${rates[8]!.toFixed(0)} MB/s\n`);
}
