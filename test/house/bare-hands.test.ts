import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cheapenKey } from "../fixtures/cheapen-key.ts";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { type StockRestic, stockRestic } from "../services/index.ts";
import { copyHouseWithoutService, type HouseWithoutService } from "./house-without-service.ts";

let house: HouseWithoutService;
let restic: StockRestic;
let source: string;
/** The two options that are all one has left. */
let bareHands: string[];

beforeAll(async () => {
  house = await copyHouseWithoutService();
  const repository = join(house.folder, "repository");
  restic = await stockRestic("0.14", { repository, password: "written on paper" });
  source = join(house.folder, "source");
  await mkdir(join(source, "deeper"), { recursive: true });
  await writeFile(join(source, "letter.txt"), "Dear all\n");
  for (let index = 0; index < 20; index++)
    await writeFile(join(source, "deeper", `file-${index}`), `content ${index}\n`.repeat(index));
  await restic.run(["init", "--repository-version", "2"]);
  await cheapenKey(repository, "written on paper");
  const backup = ["backup", "--host", "web1", "--tag", "asset=web1/files", source];
  await restic.run(backup);
  await writeFile(join(source, "second.txt"), "later\n");
  await restic.run(backup);
  bareHands = ["--repo", repository, "--password-file", restic.passwordFile];
});

afterAll(async () => {
  await restic?.[Symbol.asyncDispose]();
  await house?.[Symbol.asyncDispose]();
});

async function run(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await house.lifeboat([...args, ...bareHands]);
  expect(exitCode, `${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

describe("with the packages of queue and history gone from the disk", () => {
  test("they are really gone, and what is left is really there", async () => {
    for (const gone of ["@lifeboat/queue", "@lifeboat/catalog", "bullmq", "ioredis", "kysely", "pg"]) {
      expect(await house.canLoad(gone), gone).toBe(false);
    }
    expect(await house.canLoad("@lifeboat/engine")).toBe(true);
  });

  test("snapshots, ls, find, cat and diff show what the repository holds", async () => {
    const listed = JSON.parse(await run("snapshots", "--json"));
    expect(JSON.stringify(listed)).toContain("asset=web1/files");
    const ids = (await restic.runJson(["snapshots"])).flat().map((snapshot) => (snapshot as { id: string }).id);
    expect(ids).toHaveLength(2);
    expect(await run("ls", "latest", source)).toContain("letter.txt");
    expect(await run("find", "file-7")).toContain("file-7");
    expect(await run("cat", "latest", join(source, "letter.txt"))).toContain("Dear all");
    expect(await run("diff", ids[0]!, ids[1]!)).toContain("second.txt");
  });

  test("repo check finds the repository sound", async () => {
    await run("repo", "check");
  });

  test("restore brings everything back", async () => {
    const target = join(house.folder, "restored");
    await run("restore", "latest", "--to", target);
    expect(await compareTrees(source, join(target, source))).toEqual([]);
  });

  test("a drill passes in this process, with its negative control", async () => {
    const file = join(house.folder, "drill.yaml");
    await writeFile(
      file,
      `drills:
  by-hand:
    snapshot: { pick: latest }
    objectives: { rto: 1h }
    targets:
      dir: { type: directory, path: "${house.folder}/scratch/{run}" }
    steps:
      - { id: files, restore: { asset: web1/files, to: dir } }
    checks:
      - { id: hashes, after: files, type: file_hash, sample: 100%, against: snapshot }
`,
    );
    const output = await run("drill", "run", "--here", "--drill", file, "--json");
    const report = output.trimEnd().split("\n").at(-1) ?? "";
    expect((JSON.parse(report) as { outcome?: string }).outcome, report).toBe("passed");
  });
});
