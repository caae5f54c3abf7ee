import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, byteString } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocalStore, injectFaults } from "../backend/index.ts";
import { openRepository } from "../repository/open-repository.ts";
import { findNode, listTree } from "./list-tree.ts";
import { backUpRounds, createStockFixture, hasRestic, objectPaths, password } from "./stock-restic-fixture.ts";
import { streamFile } from "./stream-file.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe.skipIf(!hasRestic)("looking into a snapshot that stock restic wrote (needs restic)", { timeout: 300_000 }, () => {
  let fixture: ReturnType<typeof createStockFixture>;
  let source = "" as ByteString;
  beforeAll(async () => {
    fixture = createStockFixture();
    await backUpRounds(fixture, 1, 60_000_000);
    source = byteString(fixture.sourcePath);
  });
  afterAll(() => fixture.remove());
  const openLatest = async () => {
    const repository = await fixture.open();
    const [snapshot] = await repository.listSnapshots();
    return { repository, tree: snapshot!.tree };
  };

  it("lists as restic ls does: one folder, everything below, one file", async () => {
    const { repository, tree } = await openLatest();
    const stock = (args: string[]) =>
      fixture
        .restic(["ls", ...args])
        .split("\n")
        .filter((line) => line.startsWith("/"));
    const paths = async (path: string, recursive = false) =>
      (await collect(listTree(repository, tree, byteString(path), { recursive }))).map((entry) => entry.path);
    expect(await paths("/", true)).toEqual(stock(["latest"]));
    expect([source, ...(await paths(fixture.sourcePath))]).toEqual(stock(["latest", fixture.sourcePath]));
    expect(await paths(`${fixture.sourcePath}/log.txt`)).toEqual([`${source}/log.txt`]);
    await expect(paths("/nowhere/else")).rejects.toThrow("the snapshot holds no /nowhere");
    await expect(paths(`${fixture.sourcePath}/log.txt/below`)).rejects.toThrow("log.txt/below");
  });

  it("streams files whole: large, sparse, small and empty", async () => {
    const { repository, tree } = await openLatest();
    for (const name of ["large-1.bin", "zeros.bin", "log.txt", "empty", "rewritten.bin"]) {
      const { node } = await findNode(repository, tree, `${source}/${name}` as ByteString);
      const content = Buffer.concat(await collect(streamFile(repository, node)));
      expect(content.equals(readFileSync(join(fixture.sourcePath, name))), name).toBe(true);
    }
    const folder = await findNode(repository, tree, source);
    await expect(collect(streamFile(repository, folder.node))).rejects.toThrow("is no file but a dir");
  });

  it("stops reading ahead when the consumer has enough", async () => {
    const watched = injectFaults(createLocalStore({ path: fixture.repositoryPath }), []);
    const repository = await openRepository({ store: watched }, password);
    const [snapshot] = await repository.listSnapshots();
    const { node } = await findNode(repository, snapshot!.tree, `${source}/large-1.bin` as ByteString);
    const packsRead = () => watched.operations.filter((operation) => operation.startsWith("get data/")).length;
    const before = packsRead();
    for await (const blob of streamFile(repository, node)) {
      expect(blob.length).toBeGreaterThan(0);
      break;
    }
    const early = packsRead() - before;
    await collect(streamFile(repository, node));
    expect(packsRead() - before - early).toBeGreaterThan(early);
  });

  it("hands out no damaged byte", async () => {
    const { repository, tree } = await openLatest();
    const { node } = await findNode(repository, tree, `${source}/large-1.bin` as ByteString);
    const { packId, offset, length } = repository.index.locate(node.content![1]!, "data")!;
    const pack = objectPaths(fixture.repositoryPath, "data").find((path) => path.endsWith(packId))!;
    const sound = readFileSync(pack);
    const damaged = Buffer.from(sound);
    damaged[offset + Math.floor(length / 2)]! ^= 1;
    rmSync(pack);
    writeFileSync(pack, damaged);
    try {
      const original = readFileSync(join(fixture.sourcePath, "large-1.bin"));
      let at = 0;
      const read = async () => {
        for await (const blob of streamFile(repository, node)) {
          expect(original.subarray(at, at + blob.length).equals(blob)).toBe(true);
          at += blob.length;
        }
      };
      await expect(read()).rejects.toMatchObject({ code: "repository-damaged" });
      expect(at).toBeLessThan(original.length);
    } finally {
      rmSync(pack);
      writeFileSync(pack, sound);
    }
  });
});
