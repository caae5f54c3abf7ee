import { startTcpProxy } from "../services/index.ts";

/** `PORT DELAY_MS BYTES_PER_SECOND MARK_BYTES`: a slow line in a process of its own, until its input ends; then it says when the marks passed. */
const [port, delayMs, bytesPerSecond, markBytes] = process.argv.slice(2).map(Number) as [number, number, number, number];
const target = { address: "127.0.0.1", port };
const proxy = await startTcpProxy({ target, delayMs, ...(bytesPerSecond > 0 && { bytesPerSecond }) });
const marks: [bytes: number, milliseconds: number][] = [];
let next = markBytes;
const timer = setInterval(() => {
  const bytes = proxy.bytesFromTarget();
  if (bytes < next) return;
  marks.push([bytes, performance.now()]);
  next = bytes + markBytes;
}, 5);
process.stdout.write(`${JSON.stringify({ port: proxy.port })}\n`);
for await (const _ of process.stdin);
clearInterval(timer);
process.stdout.write(`${JSON.stringify({ marks, bytes: proxy.bytesFromTarget() })}\n`);
await proxy.stop();
