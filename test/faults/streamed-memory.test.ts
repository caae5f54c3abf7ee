import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  cleanEnvironment,
  createTempFolder,
  findStockRestic,
  type StockRestic,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";
import { lifeboatProgram } from "./run-lifeboat.ts";
import { initFaultRepository } from "./write-fault-config.ts";

const stock = await findStockRestic("0.14");
const mebibyte = 1024 * 1024;
const fileMebibytes = 512;
/** Of a file that is held in part. All of it would be 512 MiB more than the program by itself has. */
const mostBytes = 420 * mebibyte;
const password = "of the streamed one";

describe.skipIf("missing" in stock)("a large file that is streamed (needs restic)", () => {
  let temp: TempFolder;
  let restic: StockRestic;
  let hash: string;
  const place = (name: string) => join(temp.path, name);

  beforeAll(async () => {
    temp = await createTempFolder("streamed");
    await writeFile(place("password"), password, { mode: 0o600 });
    await initFaultRepository({ url: place("repo"), password });
    const random = createSeededRandom(11);
    const part = random.bytes(mebibyte);
    const hashed = createHash("sha256");
    const file = await open(place("large"), "w");
    // Random for whoever looks at one mebibyte, and no two of them alike.
    for (let at = 0; at < fileMebibytes; at++) {
      for (let place = 0; place < mebibyte; place += 512) part.writeUInt32LE((at * 2_654_435_761 + place) >>> 0, place);
      hashed.update(part);
      await file.write(part);
    }
    await file.close();
    hash = hashed.digest("hex");
    restic = await stockRestic("0.14", { repository: place("repo"), password });
    await restic.run(["backup", place("large"), "--host", "web1"]);
  }, 180_000);
  afterAll(async () => {
    await restic?.[Symbol.asyncDispose]();
    await temp?.remove();
  });

  test.each(["cat", "dump"])(
    "%s gives all of it and never holds all of it",
    async (command) => {
      const where = command === "cat" ? [`latest:${place("large")}`] : ["latest", place("large")];
      const args = [command, ...where, "--repo", place("repo"), "--password-file", place("password")];
      const child = spawn(process.execPath, [lifeboatProgram, ...args], {
        cwd: temp.path,
        env: cleanEnvironment({
          HOME: temp.path,
          NODE_OPTIONS: `--import=${new URL("./note-memory.ts", import.meta.url).href}`,
          LIFEBOAT_TEST_MEMORY_LOG: place("memory"),
        }),
        stdio: ["ignore", "pipe", "pipe"],
      });
      const hashed = createHash("sha256");
      let said = "";
      // An archive of one file.
      const unpacked =
        command === "cat" ? undefined : spawn("tar", ["--extract", "--to-stdout"], { stdio: ["pipe", "pipe", "ignore"] });
      if (unpacked !== undefined) child.stdout.pipe(unpacked.stdin);
      (unpacked ?? child).stdout.on("data", (bytes: Buffer) => void hashed.update(bytes));
      const isUnpacked = new Promise((resolve) => (unpacked === undefined ? resolve(0) : unpacked.once("close", resolve)));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
      expect(await new Promise((resolve) => child.once("close", resolve)), said).toBe(0);
      expect(await isUnpacked).toBe(0);
      expect(hashed.digest("hex")).toBe(hash);
      const bytes = Number(await readFile(place("memory"), "utf8"));
      console.log(`${command}: ${Math.round(bytes / mebibyte)} MiB at most`);
      expect(bytes).toBeGreaterThan(0);
      expect(bytes).toBeLessThan(mostBytes);
    },
    120_000,
  );
});
