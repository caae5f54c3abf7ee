import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createLogger } from "../logger/create-logger.ts";
import { createSecretMask } from "./secret-mask.ts";
import { createSecretResolver } from "./secret-resolver.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const environment = { PATH: process.env.PATH, SHOP: "from-env\n", CREDENTIALS_DIRECTORY: folder };
const resolver = () => createSecretResolver({ environment, baseFolder: folder });

function secretFile(name: string, text: string, mode: number): string {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), mode);
  return name;
}

describe("secrets", () => {
  test("come from the environment, a file, a command and a systemd credential, without the last line end", async () => {
    secretFile("pw", "from-file\n", 0o600);
    secretFile("dr", "from-systemd", 0o440);
    expect(await resolver().resolve({ env: "SHOP" }, "x")).toBe("from-env");
    expect(await resolver().resolve({ file: "pw" }, "x")).toBe("from-file");
    expect(await resolver().resolve({ systemd: "dr" }, "x")).toBe("from-systemd");
    expect(await resolver().resolve({ command: ["printf", "%s\n", "$HOME;`id`"], timeoutSeconds: 10 }, "x")).toBe("$HOME;`id`");
  });

  test.each([0o640, 0o604, 0o644, 0o620])("in a file of mode %o are refused", async (mode) => {
    secretFile("open", "s3cret-value", mode);
    const attempt = resolver().resolve({ file: "open" }, "password of repository main");
    await expect(attempt).rejects.toMatchObject({ code: "secret-unresolved" });
    await expect(attempt).rejects.not.toThrow("s3cret-value");
    await expect(attempt).rejects.toThrow(/password of repository main: file .* is open to others/);
  });

  test("that are missing or empty name the place", async () => {
    secretFile("empty", "\n", 0o600);
    await expect(resolver().resolve({ env: "NOPE" }, "x")).rejects.toThrow("NOPE is not set");
    await expect(resolver().resolve({ file: "empty" }, "x")).rejects.toThrow("is empty");
    await expect(resolver().resolve({ file: "gone" }, "x")).rejects.toThrow("cannot be read");
    await expect(resolver().resolve({ systemd: "../pw" }, "x")).rejects.toThrow("not a systemd credential");
  });

  test("by a command that fails, hangs, floods or is missing are errors", async () => {
    const run = (command: string[], timeoutSeconds = 20) => resolver().resolve({ command, timeoutSeconds }, "x");
    await expect(run(["sh", "-c", "echo no vault >&2; exit 3"])).rejects.toThrow("status 3: no vault");
    await expect(run(["sh", "-c", "sleep 600 & sleep 600"], 0.2)).rejects.toThrow("did not end within 0.2s");
    await expect(run(["yes"])).rejects.toThrow("wrote more than");
    await expect(run(["/no/such/program"])).rejects.toThrow("could not be started");
  });

  test("are asked for once in the life of a resolver", async () => {
    const one = resolver();
    const command = ["sh", "-c", `echo asked >> ${folder}/count; wc -l < ${folder}/count`];
    expect((await one.resolve({ command, timeoutSeconds: 20 }, "x")).trim()).toBe("1");
    expect((await one.resolve({ command, timeoutSeconds: 20 }, "x")).trim()).toBe("1");
    expect((await resolver().resolve({ command, timeoutSeconds: 20 }, "x")).trim()).toBe("2");
  });

  test("never reach the log, neither by name nor inside a message, an error or a URL", async () => {
    const mask = createSecretMask();
    const value = 'p"ss/w\\rd';
    await createSecretResolver({ environment: { V: value }, baseFolder: folder, mask }).resolve({ env: "V" }, "x");
    for (const form of ["json", "plain"] as const) {
      let text = "";
      const log = createLogger({ level: "debug", form, mask, destination: { write: (line) => (text += line) } });
      log.info({ password: "by-name", s3: { secretAccessKey: "by-name" } }, `tried ${value}`);
      log.error({ err: new Error(`postgres://u:${encodeURIComponent(value)}@h`) }, "failed");
      expect(text).toContain("tried ***");
      expect(text).not.toContain("by-name");
      expect(text).not.toContain(encodeURIComponent(value));
      expect(text.trimEnd().split("\n")).toHaveLength(2);
    }
  });
});
