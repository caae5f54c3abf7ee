import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openCreatedJournal, readCreatedJournal } from "./created-journal.ts";

it("what the drill did not make is out of the journal for every later sweep, and only that", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lb-journal-"));
  try {
    const file = join(folder, "one.jsonl");
    const journal = await openCreatedJournal(file, { drill: "d", run: "r", expiresAtMs: 0 });
    const base = { host: null, kind: "postgres-database", address: "a", port: 1, user: "u", password: null } as const;
    const [own, other] = [
      { ...base, target: "pg", database: "own" } as const,
      { ...base, target: "pg", database: "other" } as const,
    ];
    await journal.add(own);
    await journal.add(other);
    await journal.disown(other);
    expect(journal.things()).toEqual([own]);
    await journal.close({ remove: false });
    expect((await readCreatedJournal(file))?.things).toEqual([own]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
