import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { afterAll, expect, it } from "vitest";
import { findStockRestic, stockRestic } from "../../../../test/services/index.ts";
import { createLocalStore } from "../backend/index.ts";
import { encodeTree } from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { initRepository, openRepository } from "../repository/open-repository.ts";
import { findLostRoots, recoverRoots } from "./recover-roots.ts";

const later = await findStockRestic("0.18");
const path = mkdtempSync(join(tmpdir(), "lifeboat-recover-"));
afterAll(() => rmSync(path, { recursive: true, force: true }));

it.skipIf("missing" in later)(
  "what comes back is written as restic writes it, whatever the time (needs restic 0.18)",
  async () => {
    // The last digit of its milliseconds is zero: restic leaves that out, and rewrites no folder that it would write otherwise.
    const clock: Clock = { now: () => 1_800_000_000_730, sleep: async () => {} };
    const { signal } = new AbortController();
    const identity = { clock, username: "test", hostname: "test" };
    const store = createLocalStore({ path });
    const repository = await initRepository({ store }, "secret", { ...identity, cost: { N: 1024, r: 8, p: 1 } });
    const writer = new BlobWriter(repository, { signal });
    writer.saveTree(encodeTree([]));
    await writer.finish();
    await writer.close();
    const opened = await openRepository({ store }, "secret");
    const { roots } = await findLostRoots(opened, { signal, clock });
    expect(roots).toHaveLength(1);
    const made = await recoverRoots(opened, { ...identity, roots, signal, programVersion: "lifeboat" });
    expect(made.time).toBe("2027-01-15T08:00:00.73Z");
    await using restic = await stockRestic("0.18", { repository: path, password: "secret" });
    await restic.run(["rewrite", "--exclude", "nothing-at-all", made.id]);
    expect(JSON.parse((await restic.run(["cat", "key", repository.keyId])).stdout)).toMatchObject({
      created: "2027-01-15T08:00:00.73Z",
    });
  },
);
