import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findConfig } from "./find-config.ts";
import { readConfigFiles } from "./read-config-files.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text = "") => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe("configuration", () => {
  test("is looked for in one order, and a named file that is missing ends the search", () => {
    const flagged = file("flag.yaml");
    const system = file("etc/lifeboat.yaml");
    const environment = { LIFEBOAT_CONFIG: file("env.yaml") };
    expect(findConfig({ environment: {}, folder: join(folder, "none"), systemFile: "/no/such" })).toBeUndefined();
    expect(findConfig({ environment: {}, folder: join(folder, "none"), systemFile: system })).toBe(system);
    const here = file("lifeboat.yaml");
    expect(findConfig({ environment: {}, folder, systemFile: system })).toBe(here);
    expect(findConfig({ environment, folder })).toBe(environment.LIFEBOAT_CONFIG);
    expect(findConfig({ flag: flagged, environment, folder })).toBe(flagged);
    expect(() => findConfig({ environment: { LIFEBOAT_CONFIG: "gone.yaml" }, folder })).toThrow(
      "LIFEBOAT_CONFIG) does not exist",
    );
    expect(() => findConfig({ flag: "gone.yaml", environment, folder })).toThrow("--config) does not exist");
  });

  test("takes included files sorted by path, each once, relative to itself", async () => {
    const main = file("inc/main.yaml", "main");
    for (const name of ["hosts.d/b.yaml", "hosts.d/a.yaml", "hosts.d/c.txt", "drills.d/z.yaml"]) file(`inc/${name}`, name);
    const patterns = ["hosts.d/*.yaml", "drills.d/z.yaml", "**/*.yaml"];
    const files = await readConfigFiles(main, (text) => (text === "main" ? patterns : []));
    expect(files.map(({ text }) => text)).toEqual(["main", "drills.d/z.yaml", "hosts.d/a.yaml", "hosts.d/b.yaml"]);
    await expect(readConfigFiles(main, () => ["missing.yaml"])).rejects.toMatchObject({ code: "config-missing" });
    await expect(readConfigFiles(main, () => ["hosts.d"])).rejects.toThrow("not a file");
  });
});
