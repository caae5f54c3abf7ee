import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { connectHost } from "./ssh-machine.ts";
import { connectOptions } from "./test-host.ts";

const types = ["ecdsa", "rsa", "ed25519"];
let folder: string;
let sshd: SshHost;

beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-pinned-"));
  for (const type of [...types, "other"]) {
    const kind = type === "other" ? "ecdsa" : type;
    execFileSync("ssh-keygen", ["-q", "-t", kind, "-N", "", "-f", join(folder, type)]);
  }
  // Beside the host's own key, which is of the type that is asked for first.
  sshd = await startSshHost({ sshdLines: ["ecdsa", "rsa"].map((type) => `HostKey ${join(folder, type)}`) });
});
afterAll(async () => {
  await sshd?.stop();
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

const fingerprint = (type: string) =>
  execFileSync("ssh-keygen", ["-lf", join(folder, `${type}.pub`)], { encoding: "utf8" }).split(" ")[1];

const connect = (hostKey: string | undefined, changes = {}) =>
  connectHost(hostEntry(sshd, { hostKey, ...changes }), connectOptions());

test.each(["ecdsa", "rsa"])("a pinned %s key is found, though the host would show another one", async (type) => {
  const machine = await connect(fingerprint(type));
  expect((await (await machine.run(["true"])).exit).status).toBe(0);
  await machine.close();
});

test("a key that the host does not have is refused, with the first one that it showed", async () => {
  const pinned = fingerprint("other");
  await expect(connect(pinned)).rejects.toMatchObject({
    code: "host-key-changed",
    message: expect.stringMatching(/ shows ssh-ed25519 key SHA256:.*, pinned is SHA256:/),
    context: { pinned },
  });
});

test("what goes wrong after the pinned key was found is told, not that another one was shown first", async () => {
  await expect(connect(fingerprint("rsa"), { identity: join(folder, "ed25519") })).rejects.toMatchObject({
    code: "login-refused",
  });
});
