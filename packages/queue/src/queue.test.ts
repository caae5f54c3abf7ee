import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Clock, silentLogger } from "@lifeboat/model";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openQueue, type QueueJob, startConsumer, startRedisServer } from "./index.ts";

const clock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, signal === undefined ? {} : { signal }).then(() => undefined),
};
const base = mkdtempSync(join(tmpdir(), "lifeboat-queue-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const until = { timeout: 45_000, interval: 50 };

let count = 0;
const jobFor = (change: Partial<QueueJob> = {}): QueueJob => ({
  runId: `backup/web1/s${++count}@20261122T020000Z`,
  kind: "backup",
  object: `web1/s${count}`,
  policy: "web",
  slot: Date.UTC(2026, 10, 22, 2),
  priority: 10,
  ...change,
});

const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);
beforeAll(() => {
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
});
afterEach(() => expect(unhandled).toEqual([]));
afterAll(() => {
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
});

async function startAll(folder: string) {
  const server = await startRedisServer({ folder: join(base, folder), clock, logger: silentLogger });
  const connection = { redisUrl: server.redisUrl, clock, logger: silentLogger };
  onTestFinished(() => server.stop(), 30_000);
  const queue = await openQueue(connection);
  onTestFinished(() => queue.close());
  const consume = async (handler: (job: QueueJob, context: { signal: AbortSignal }) => Promise<void>, concurrency = 1) => {
    const consumer = await startConsumer({ ...connection, concurrency, handler });
    onTestFinished(() => consumer.stop(new Error("test over")), 30_000);
    return consumer;
  };
  return { server, connection, queue, consume };
}

describe("the queue", () => {
  test("carries a run under its own id, once while it is there, and again after it ended", async () => {
    const { queue, consume } = await startAll("once");
    const job = jobFor();
    expect(await queue.enqueue(job)).toBe(true);
    expect(await queue.enqueue(job)).toBe(false);
    expect(await queue.jobState(job.runId)).toBe("waiting");
    expect([...(await queue.jobIds())]).toEqual([job.runId]);
    expect(await queue.counts()).toEqual({ waiting: 1, active: 0 });
    const seen: QueueJob[] = [];
    await consume(async (each) => {
      seen.push(each);
      if (seen.length === 1) throw new Error("the handler has a bug");
    });
    await vi.waitFor(async () => expect(await queue.jobState(job.runId)).toBe("absent"), until);
    expect(await queue.enqueue(job)).toBe(true);
    await vi.waitFor(() => expect(seen).toEqual([job, job]), until);
  });

  test("gives out by priority, and takes a waiting run back", async () => {
    const { queue, consume } = await startAll("priority");
    const [late, early, gone] = [jobFor({ priority: 20 }), jobFor({ priority: 1 }), jobFor({ priority: 5 })];
    for (const job of [late, early, gone]) await queue.enqueue(job);
    expect(await queue.remove(gone.runId)).toBe(true);
    expect(await queue.remove(gone.runId)).toBe(false);
    const seen: string[] = [];
    await consume(async ({ runId }) => void seen.push(runId));
    await vi.waitFor(() => expect(seen).toEqual([early.runId, late.runId]), until);
  });

  test("what is raised goes after what has its new priority already, and before what comes later", async () => {
    const { queue, consume } = await startAll("raise");
    const jobs = ["first", "starving", "second"].map((name) => jobFor({ runId: name, priority: name === "starving" ? 40 : 10 }));
    const [first, starving, second] = jobs as [QueueJob, QueueJob, QueueJob];
    for (const job of [first, starving]) await queue.enqueue(job);
    expect(await queue.raise("starving", 10)).toBe(true);
    expect(await queue.raise("starving", 10)).toBe(false);
    expect(await queue.raise("starving", 20)).toBe(false);
    expect(await queue.raise("never-heard-of", 10)).toBe(false);
    await queue.enqueue(second);
    const seen: string[] = [];
    let release = () => {};
    await consume(async ({ runId }) => {
      seen.push(runId);
      if (seen.length === 1) await new Promise<void>((resolve) => (release = resolve));
    });
    await vi.waitFor(() => expect(seen).toHaveLength(1), until);
    expect(await queue.raise("first", 1)).toBe(false);
    release();
    await vi.waitFor(() => expect(seen).toEqual(["first", "starving", "second"]), until);
  });

  test.each(["12345", "backup:web1"])("refuses the id %s that BullMQ would take for something else", async (runId) => {
    const { queue } = await startAll("ids");
    await expect(queue.enqueue(jobFor({ runId }))).rejects.toThrow("cannot be a job's id");
  });

  test("stops a consumer with its reason, and lets it drain", async () => {
    const { queue, consume } = await startAll("stop");
    const reasons: unknown[] = [];
    const stubborn = await consume(
      (_job, { signal }) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(void reasons.push(signal.reason)))),
    );
    await queue.enqueue(jobFor());
    await vi.waitFor(() => expect(stubborn.running()).toHaveLength(1), until);
    const reason = new Error("service stops");
    await stubborn.stop(reason);
    expect(reasons).toEqual([reason]);

    let release = () => {};
    let finished = false;
    const patient = await consume(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      finished = true;
    });
    await queue.enqueue(jobFor());
    const next = jobFor();
    await vi.waitFor(() => expect(patient.running()).toHaveLength(1), until);
    await queue.enqueue(next);
    const drained = patient.drain();
    release();
    await drained;
    expect(finished).toBe(true);
    expect(await queue.jobState(next.runId)).toBe("waiting");
  });
});

describe("redis killed and its folder deleted", () => {
  test("comes back empty; what runs goes on, what waited is gone, what is put in again is done, and nobody throws", async () => {
    const { server, queue, consume } = await startAll("killed");
    const [active, waiting] = [jobFor(), jobFor()];
    const seen: string[] = [];
    let release = () => {};
    await consume(async ({ runId }) => {
      seen.push(runId);
      if (runId === active.runId) await new Promise<void>((resolve) => (release = resolve));
    });
    await queue.enqueue(active);
    await vi.waitFor(() => expect(seen).toEqual([active.runId]), until);
    await queue.enqueue(waiting);
    const firstPid = server.pid()!;
    process.kill(firstPid, "SIGKILL");
    rmSync(join(base, "killed"), { recursive: true, force: true });
    await vi.waitFor(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }), until);
    expect(server.pid()).not.toBe(firstPid);
    expect(await queue.enqueue(waiting)).toBe(true);
    release();
    await vi.waitFor(() => expect(seen).toEqual([active.runId, waiting.runId]), until);
    await vi.waitFor(async () => expect(await queue.jobState(waiting.runId)).toBe("absent"), until);
  });

  test("under a living server that loses its socket: it is started anew", async () => {
    const { server, queue } = await startAll("socket");
    const firstPid = server.pid();
    rmSync(join(base, "socket"), { recursive: true, force: true });
    await vi.waitFor(() => expect(server.pid()).not.toBe(firstPid), until);
    await vi.waitFor(async () => expect(await queue.enqueue(jobFor())).toBe(true), until);
  });

  test("while it is away every question says so at once, and closing does not hang", async () => {
    const { server, queue, consume } = await startAll("away");
    const consumer = await consume(async () => {});
    await server.stop();
    await expect(queue.enqueue(jobFor())).rejects.toMatchObject({ code: "control-plane-unreachable" });
    await expect(queue.counts()).rejects.toMatchObject({ code: "control-plane-unreachable" });
    await consumer.stop(new Error("over"));
    await queue.close();
  });
});

describe("redis-server of our own", () => {
  test("listens to its owner alone, keeps data over a stop, and ends the orphan of a killed service", async () => {
    const folder = join(base, "own");
    const first = await startRedisServer({ folder, clock, logger: silentLogger });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const connection = { redisUrl: first.redisUrl, clock, logger: silentLogger };
    const queue = await openQueue(connection);
    const job = jobFor();
    await queue.enqueue(job);
    await queue.close();
    await first.stop();
    // as a service that was killed would leave it: running, and nobody watches
    const socket = join(folder, "redis.sock");
    const orphan = spawn("redis-server", ["--port", "0", "--unixsocket", socket, "--appendonly", "yes", "--dir", folder], {
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => orphan.once("exit", resolve));
    await vi.waitFor(() => expect(statSync(socket).isSocket()).toBe(true), until);
    await vi.waitFor(async () => (await openQueue(connection)).close(), until);
    const second = await startRedisServer({ folder, clock, logger: silentLogger });
    onTestFinished(() => second.stop(), 30_000);
    await ended;
    const again = await openQueue(connection);
    onTestFinished(() => again.close());
    expect(await again.jobState(job.runId)).toBe("waiting");
  });

  test.each([
    [
      "4 KiB of NUL at the end of its log",
      (data: string) => appendFileSync(join(data, "appendonly.aof.1.incr.aof"), Buffer.alloc(4096)),
    ],
    ["an empty manifest", (data: string) => truncateSync(join(data, "appendonly.aof.manifest"))],
    ["a part that is gone", (data: string) => rmSync(join(data, "appendonly.aof.1.base.rdb"))],
  ])("that cannot read its data, as after a power cut, begins with none: %s", async (what, damage) => {
    const folder = join(base, what.replaceAll(" ", "-").slice(0, 20));
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (fields: object, message?: string) => void warnings.push([fields, message]) };
    const data = join(folder, "appendonlydir");
    for (const round of [1, 2]) {
      const first = await startRedisServer({ folder, clock, logger });
      const queue = await openQueue({ redisUrl: first.redisUrl, clock, logger: silentLogger });
      await queue.enqueue(jobFor());
      await queue.close();
      await first.stop();
      damage(data);
      const second = await startRedisServer({ folder, clock, logger });
      onTestFinished(() => second.stop(), 30_000);
      const again = await openQueue({ redisUrl: second.redisUrl, clock, logger: silentLogger });
      expect(await again.counts()).toEqual({ waiting: 0, active: 0 });
      await again.close();
      await second.stop();
      expect(warnings).toHaveLength(round);
      expect(warnings.at(-1)).toEqual([
        { cause: expect.stringMatching(/aof|append only/i), kept: `${data}.damaged` },
        expect.stringContaining("begins with none"),
      ]);
    }
    // Of two the newest is kept.
    expect(readdirSync(folder).sort()).toEqual(["appendonlydir", "appendonlydir.damaged"]);
  });

  test("that has no port keeps its data", async () => {
    const folder = join(base, "no-port");
    const first = await startRedisServer({ folder, clock, logger: silentLogger });
    await first.stop();
    const taken = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await vi.waitFor(() => expect(taken.listening).toBe(true), until);
    const { port } = taken.address() as { port: number };
    await expect(startRedisServer({ folder, port, clock, logger: silentLogger })).rejects.toMatchObject({
      code: "control-plane-unreachable",
    });
    expect(readdirSync(folder)).toEqual(["appendonlydir"]);
  });

  test("that is missing, has no place for its socket or cannot be reached is one clear error", async () => {
    const start = (options: object) => startRedisServer({ folder: join(base, "none"), clock, logger: silentLogger, ...options });
    await expect(start({ program: "/no/redis-server" })).rejects.toMatchObject({
      code: "control-plane-unreachable",
      hint: expect.stringContaining("apt install redis-server"),
    });
    await expect(start({ folder: `/tmp/${"x".repeat(120)}` })).rejects.toMatchObject({ code: "state-folder-failed" });
    await expect(openQueue({ redisUrl: `unix:${base}/nobody.sock`, clock, logger: silentLogger })).rejects.toMatchObject({
      code: "control-plane-unreachable",
      message: expect.stringContaining(`${base}/nobody.sock does not answer`),
    });
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await vi.waitFor(() => expect(taken.listening).toBe(true), until);
    const { port } = taken.address() as { port: number };
    taken.on("connection", (socket) => socket.destroy());
    await expect(start({ port })).rejects.toMatchObject({ code: "control-plane-unreachable" });
  });
});
