import { byteString } from "@lifeboat/model";
import { expect, test } from "vitest";
import { PathRules } from "../files/path-rules.ts";
import { NameBudget } from "./name-budget.ts";
import { type FolderContext, readFolder } from "./read-folder.ts";
import type { SftpClient, SftpName } from "./sftp-client.ts";

const attributes = { size: 5, uid: 0, gid: 0, mode: 0o100644, mtime: 1_700_000_000 };
const folderAttributes = { ...attributes, mode: 0o040755 };

/** A server that lists these names in each folder; `asked` counts how many were given. */
function serverWith(names: () => Iterator<string>) {
  const given = new Map<string, Iterator<string>>();
  const server = { asked: 0 };
  const client = {
    openFolder: async (path: string) => {
      given.set(path, names());
      return Buffer.from(path);
    },
    readFolder: async (handle: Uint8Array): Promise<SftpName[] | undefined> => {
      const next = given.get(Buffer.from(handle).toString())?.next();
      if (next === undefined || next.done === true) return undefined;
      server.asked++;
      return [{ name: byteString(next.value), attributes }];
    },
    lstat: async () => folderAttributes,
    closeHandle: async () => undefined,
  } as unknown as SftpClient;
  return { client, server };
}

function contextFor(client: SftpClient, limits?: { names: number; bytes: number }): FolderContext {
  const budget = new NameBudget("web1", limits);
  return { client, machineName: "web1", rules: new PathRules({}), selection: {}, budget };
}

const read = (context: FolderContext, path: string) => readFolder(context, byteString(path), "in");

test.each([
  ["of 256 bytes", "x".repeat(256), /a name of 256 bytes, "x{255}\.\.\." in \/srv$/],
  ["with a slash", "a/b", /the impossible name "a\/b" in \/srv$/],
  ["without a byte", "", /the impossible name "" in \/srv$/],
])("a name %s is refused where it is listed", async (_, name, message) => {
  const { client } = serverWith(() => ["fine", name][Symbol.iterator]());
  await expect(read(contextFor(client), "/srv")).rejects.toMatchObject({
    code: "host-garbage",
    message: expect.stringMatching(message),
  });
});

test.each([
  ["names", { names: 1000, bytes: 1e9 }, "more than 1000 names in"],
  ["bytes of names", { names: 1e9, bytes: 100_000 }, "more than 100000 bytes of names in"],
])("folders without end that are read at once have one bound of %s together", async (_, limits, message) => {
  const { client, server } = serverWith(function* () {
    for (let at = 0; ; at++) yield `${at}`.padStart(100, "x");
  });
  const context = contextFor(client, limits);
  const all = await Promise.allSettled(["/a", "/b", "/c", "/d"].map((path) => read(context, path)));
  for (const one of all) {
    expect(one).toMatchObject({ reason: { code: "host-garbage", message: expect.stringContaining(message) } });
  }
  // Each has some requests in flight when the bound is reached.
  expect(server.asked).toBeLessThan(1000 + 4 * 3 * 17);
});

test("folders one after the other are bounded each by itself, and a name that comes twice is one", async () => {
  const { client } = serverWith(() => ["a", "b", "a", "x".repeat(255)][Symbol.iterator]());
  const context = contextFor(client, { names: 3, bytes: 257 });
  for (let round = 0; round < 5; round++) {
    const { judged, problems } = await read(context, "/srv");
    expect(judged.map(({ entry }) => entry.path)).toEqual(["/srv/a", "/srv/b", `/srv/${"x".repeat(255)}`]);
    expect(problems).toEqual([]);
  }
});
