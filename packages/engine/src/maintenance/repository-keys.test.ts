import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { afterAll, describe, expect, it } from "vitest";
import { findStockRestic, type ResticVersion, stockRestic } from "../../../../test/services/index.ts";
import { createLocalStore, createMemoryStore, injectFaults } from "../backend/index.ts";
import { objectName } from "../format/index.ts";
import { maxKeysTried } from "../repository/find-master-key.ts";
import { initRepository, openRepository } from "../repository/open-repository.ts";
import { addKey, changePassword, findKey, listKeys, removeKey } from "./repository-keys.ts";

const clock: Clock = { now: () => 1_800_000_000_000, sleep: async () => {} };
const cost = { N: 1024, r: 8, p: 1 };
const keyOf = (password: string, username = "alice") => ({ password, username, hostname: "desk", clock, cost });
const initOptions = { clock, username: "root", hostname: "server", cost };

async function createRepository() {
  const store = createMemoryStore();
  const repository = await initRepository({ store }, "first", initOptions);
  return { store, repository };
}

describe("keys", () => {
  it("each opens the repository, and the list says whose they are and which one is in use", async () => {
    const { store, repository } = await createRepository();
    const id = await addKey(repository, keyOf("second"));
    const second = await openRepository({ store }, "second");
    expect(second.keyId).toBe(id);
    expect(second.masterKey).toEqual(repository.masterKey);
    const listed = await listKeys(second);
    expect(listed.map(({ id, isCurrent, origin }) => [id, isCurrent, origin?.username])).toEqual(
      expect.arrayContaining([
        [repository.keyId, false, "root"],
        [id, true, "alice"],
      ]),
    );
    expect((await openRepository({ store }, "first")).keyId).toBe(repository.keyId);
  });

  it("the one in use is not removed, another one is, and its password opens nothing then", async () => {
    const { store, repository } = await createRepository();
    const id = await addKey(repository, keyOf("second"));
    await expect(removeKey(repository, repository.keyId)).rejects.toMatchObject({ code: "usage" });
    await removeKey(repository, await findKey(repository, id.slice(0, 10)));
    await expect(openRepository({ store }, "second")).rejects.toMatchObject({ code: "wrong-password" });
    await openRepository({ store }, "first");
    await expect(findKey(repository, id)).rejects.toMatchObject({ code: "key-not-found" });
    await expect(findKey(repository, "")).rejects.toMatchObject({ code: "key-not-found" });
  });

  it("a changed password replaces the key in use and no other", async () => {
    const { store, repository } = await createRepository();
    await addKey(repository, keyOf("second"));
    const { added, removed } = await changePassword(repository, keyOf("third"));
    expect(removed).toBe(repository.keyId);
    expect((await openRepository({ store }, "third")).keyId).toBe(added);
    await openRepository({ store }, "second");
    await expect(openRepository({ store }, "first")).rejects.toMatchObject({ code: "wrong-password" });
  });

  it("a new key that does not come back as it was stored is taken away, and the old password still opens", async () => {
    const store = createMemoryStore();
    await initRepository({ store }, "first", initOptions);
    const faulty = injectFaults(store, [
      { name: "flip", operation: "get", prefix: "keys/", at: 2, effect: { kind: "flip-bit", byte: -12 } },
    ]);
    const repository = await openRepository({ store: faulty }, "first");
    await expect(changePassword(repository, keyOf("second"))).rejects.toMatchObject({ code: "repository-damaged" });
    faulty.verifyAllFaultsExercised();
    expect((await listKeys(repository)).map(({ id }) => id)).toEqual([repository.keyId]);
    await openRepository({ store }, "first");
  });

  it("an empty password and more keys than are ever tried are refused", async () => {
    const { repository } = await createRepository();
    await expect(addKey(repository, keyOf(""))).rejects.toMatchObject({ code: "usage" });
    for (let count = 1; count < maxKeysTried; count++) await addKey(repository, keyOf(`password ${count}`));
    await expect(addKey(repository, keyOf("one too many"))).rejects.toMatchObject({ code: "usage" });
    expect(await listKeys(repository)).toHaveLength(maxKeysTried);
  });

  it("a damaged one is listed as such and can be removed", async () => {
    const { store, repository } = await createRepository();
    const id = "ab".repeat(32);
    await store.put(objectName("key", id), Buffer.from("{}"));
    expect((await listKeys(repository)).find((key) => key.id === id)).toEqual({ id, isCurrent: false, origin: undefined });
    await removeKey(repository, id);
    expect(await listKeys(repository)).toHaveLength(1);
  });
});

const versions: readonly ResticVersion[] = ["0.14", "0.18"];
const found = await Promise.all(versions.map(async (version) => ({ version, stock: await findStockRestic(version) })));
const folder = mkdtempSync(join(tmpdir(), "lifeboat-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const { version, stock } of found) {
  it.skipIf("missing" in stock)(
    `stock restic ${version} opens with keys of ours, and we with its (needs restic ${version})`,
    { timeout: 120_000 },
    async () => {
      const path = join(folder, version);
      const store = createLocalStore({ path });
      const repository = await initRepository({ store }, "first", initOptions);
      const { cost: _, ...usual } = keyOf("ours");
      const id = await addKey(repository, usual);
      await using ours = await stockRestic(version, { repository: path, password: "ours" });
      const listed = (await ours.runJson(["key", "list"])).flat() as { id: string; current: boolean; userName: string }[];
      expect(listed.find(({ current }) => current)).toMatchObject({
        id: expect.stringMatching(`^${id.slice(0, 8)}`),
        userName: "alice",
      });
      await using theirs = await stockRestic(version, { repository: path, password: "theirs" });
      await ours.run(["key", "add", "--new-password-file", theirs.passwordFile]);
      const opened = await openRepository({ store }, "theirs");
      expect((await listKeys(opened)).filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
      const changed = await changePassword(opened, { ...usual, password: "theirs no more" });
      expect((await theirs.run(["key", "list"], { accept: "any" })).stderr).toMatch(/wrong password/);
      await removeKey(opened, id);
      expect((await ours.run(["key", "list"], { accept: "any" })).stderr).toMatch(/wrong password/);
      expect((await listKeys(await openRepository({ store }, "first"))).map((key) => key.id).sort()).toEqual(
        [repository.keyId, changed.added].sort(),
      );
    },
  );
}
