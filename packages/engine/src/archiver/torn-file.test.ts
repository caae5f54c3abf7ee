import { setTimeout as wait } from "node:timers/promises";
import { byteString, type FileEntry, type ReadEvent } from "@lifeboat/model";
import { expect, test } from "vitest";
import { createMemoryStore } from "../backend/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { initRepository } from "../repository/open-repository.ts";
import { archiveFiles } from "./archive-files.ts";
import { MemorySource } from "./test-memory-source.ts";

const clock = { now: () => Date.now(), sleep: (milliseconds: number) => wait(milliseconds) };

/** Its file is gone whenever it is read, and there again when it is looked at. */
class ComingAndGoing extends MemorySource {
  readings = 0;

  override async *read(entries: readonly FileEntry[]): AsyncGenerator<readonly ReadEvent[]> {
    for (const [index, entry] of entries.entries()) {
      if (entry.type === "file") this.readings++;
      else
        yield [
          { kind: "start", index, extras: { xattrs: [] } },
          { kind: "end", index },
        ];
      yield [{ kind: "verdict", index, verdict: entry.type === "file" ? "changed" : "same", now: entry }];
    }
  }
}

test("a file of which no reading is whole is tried three times, named, and left out", async () => {
  const cost = { N: 1024, r: 8, p: 1 };
  const store = createMemoryStore();
  const repository = await initRepository({ store }, "a password", { clock, username: "u", hostname: "h", cost });
  const { signal } = new AbortController();
  const writer = new BlobWriter(repository, { signal, threads: 1 });
  const source = new ComingAndGoing(Buffer.from("content"), undefined);
  try {
    const { tree, problems } = await archiveFiles({ repository, writer, source, signal, clock });
    await writer.finish();
    expect(source.readings).toBe(3);
    expect(problems).toEqual([
      {
        path: byteString("/data/file"),
        kind: "unreadable",
        detail: "could not be read whole in 3 attempts: it comes and goes, or outgrows its listing",
      },
    ]);
    const [folder] = await repository.loadTree(tree);
    expect(await repository.loadTree(folder!.subtree!)).toEqual([]);
  } finally {
    await writer.close();
  }
});
