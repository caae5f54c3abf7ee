import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { openCatalog } from "@lifeboat/catalog";
import { type Clock, silentLogger } from "@lifeboat/model";
import { startRedisServer } from "@lifeboat/queue";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-main-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = new URL("./main.ts", import.meta.url).pathname;
const clock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, signal === undefined ? {} : { signal }).then(() => undefined),
};

function start(config: string) {
  const child = spawn(process.execPath, [program, "--config", config, "--state", join(folder, "state")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (bytes) => (said += bytes));
  return { child, said: () => said, exit: once(child, "exit") };
}

function configFile(name: string, control: string): string {
  const path = join(folder, name);
  const policy =
    "p: { hosts: [web1], repository: main, schedule: { every: 1s }, sources: [{ name: etc, type: files, paths: [/etc] }] }";
  const text = `version: 1\n${control}\nrepositories: { main: { url: /srv/main, password: { env: MAIN } } }
hosts: { web1: { address: web1 } }\npolicies:\n  ${policy}\n`;
  writeFileSync(path, text);
  return path;
}

test("the scheduler alone records slots and ends at a signal, also when redis is gone by then", async () => {
  const redis = await startRedisServer({ folder: join(folder, "redis"), clock, logger: silentLogger });
  onTestFinished(() => redis.stop(), 30_000);
  const { child, said, exit } = start(configFile("good.yaml", `control: { redis: { url: "${redis.redisUrl}" } }`));
  mkdirSync(join(folder, "state"), { recursive: true });
  const catalog = await openCatalog(join(folder, "state/history.sqlite"), { clock });
  onTestFinished(() => catalog.close());
  await vi.waitFor(async () => expect(await catalog.openRuns()).not.toEqual([]), { timeout: 50_000, interval: 50 });
  await redis.stop();
  child.kill("SIGTERM");
  expect(await exit, said()).toEqual([0, null]);
  expect(said()).toContain('"msg":"the scheduler runs"');
});

test("a missing redis, an unknown key and a missing file end it with one message and the right code", async () => {
  const gone = start(configFile("gone.yaml", `control: { redis: { url: "unix:${folder}/nobody.sock" } }`));
  expect(await gone.exit).toEqual([8, null]);
  expect(gone.said()).toContain(`redis at ${folder}/nobody.sock does not answer`);
  const typo = start(configFile("typo.yaml", "controll: {}"));
  expect(await typo.exit).toEqual([2, null]);
  expect(typo.said()).toContain("controll");
  const missing = start(join(folder, "missing.yaml"));
  expect(await missing.exit).toEqual([2, null]);
  expect(missing.said()).toContain("missing.yaml (from --config) does not exist");
});
