import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { createPlace, type Place } from "./test-command-line.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let hands: string[];
const bytes = 4 * 1024 * 1024;

beforeAll(async () => {
  place = createPlace();
  place.write("password", "correct horse\n");
  hands = ["--repo", place.at("repository"), "--password-file", place.at("password")];
  const made = await place.run(["repo", "init", ...hands]);
  expect(made.code, made.err).toBe(0);
  await cheapenKey(place.at("repository"), "correct horse");
  writeFileSync(place.at("noise"), randomBytes(bytes));
  execFileSync("restic", [
    "-r",
    place.at("repository"),
    "--password-file",
    place.at("password"),
    "--no-cache",
    "backup",
    place.at("noise"),
  ]);
  place.write(
    "limited.yaml",
    `version: 1
company: { name: Acme, timezone: Europe/Berlin }
repositories:
  main: { url: "${place.at("repository")}", password: { file: "${place.at("password")}" }, limit_download: 512KiB/s }
`,
  );
});
afterAll(() => place?.remove());

/** Only ever a lower bound: a machine may be slow. */
async function secondsOf(...words: string[]): Promise<number> {
  const begin = performance.now();
  const { code, out, err } = await place.run(["cat", "latest", place.at("noise"), ...words]);
  expect(code, err).toBe(0);
  expect(out.length).toBeGreaterThan(bytes / 4);
  return (performance.now() - begin) / 1000;
}

test("a limit of the configuration and one on the command line hold", async () => {
  expect(await secondsOf("--config", place.at("limited.yaml"))).toBeGreaterThan(7);
  expect(await secondsOf(...hands, "--limit-download", "512KiB/s")).toBeGreaterThan(7);
  await secondsOf("--config", place.at("limited.yaml"), "--limit-download", "unlimited");
});

test("what is no rate is refused", async () => {
  const { code, err } = await place.run(["snapshots", ...hands, "--limit-upload", "1024"]);
  expect([code, err]).toEqual([2, expect.stringMatching(/--limit-upload "1024" is no rate.*10MiB\/s/)]);
});
