import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

  test("in the working folder is not taken from others, unless it is named", async () => {
    const place = join(folder, "shared");
    const here = file("shared/lifeboat.yaml", "text");
    const found = () => readConfigFiles(findConfig({ environment: {}, folder: place }) ?? "", () => []);
    const named = () => readConfigFiles(findConfig({ flag: here, environment: {}, folder: place }) ?? "", () => []);
    chmodSync(here, 0o644);
    expect((await found())[0]?.text).toBe("text");
    chmodSync(here, 0o664);
    const refused = {
      code: "config-invalid",
      message: expect.stringMatching(/shared\/lifeboat\.yaml.*mode 0664/),
      hint: expect.stringContaining(`chmod go-w '${here}'`),
    };
    await expect(found()).rejects.toMatchObject(refused);
    expect((await named())[0]?.text).toBe("text");
    await expect(found()).rejects.toMatchObject(refused);
  });

  test.runIf(process.getuid?.() === 0)(
    "in the working folder must be our own or root's, and so must a link to it (needs root)",
    async () => {
      const place = join(folder, "foreign");
      const here = file("foreign/lifeboat.yaml", "text");
      const found = () => readConfigFiles(findConfig({ environment: {}, folder: place }) ?? "", () => []);
      chmodSync(here, 0o644);
      chownSync(here, 12_345, 0);
      const refused = { code: "config-invalid", message: expect.stringContaining("uid 12345") };
      await expect(found()).rejects.toMatchObject({ ...refused, hint: expect.stringContaining("chown 0 ") });
      expect(await readConfigFiles(findConfig({ flag: here, environment: {} }) ?? "", () => [])).toHaveLength(1);
      rmSync(here);
      symlinkSync(file("foreign/real.yaml", "real"), here);
      expect((await found())[0]?.text).toBe("real");
      lchownSync(here, 12_345, 0);
      await expect(found()).rejects.toMatchObject({ ...refused, hint: expect.stringContaining("chown -h 0 ") });
    },
  );

  test("that everybody may write is refused, included files too", async () => {
    const main = file("open/main.yaml");
    const part = file("open/part.yaml");
    const read = () => readConfigFiles(main, () => ["part.yaml"]);
    for (const path of [main, part]) chmodSync(path, 0o664);
    expect(await read()).toHaveLength(2);
    for (const path of [main, part]) {
      chmodSync(path, 0o646);
      await expect(read()).rejects.toMatchObject({
        code: "config-invalid",
        message: expect.stringContaining(`${path} `),
        hint: expect.stringContaining(`chmod o-w '${path}'`),
      });
      chmodSync(path, 0o644);
    }
  });
});
