import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretResolver } from "@lifeboat/model";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { connectHost } from "./ssh-machine.ts";
import { connectOptions } from "./test-host.ts";

let sshd: SshHost;
let folder: string;

beforeAll(async () => {
  sshd = await startSshHost();
  folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-login-"));
});
afterAll(async () => {
  await sshd?.stop();
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

describe("keys", () => {
  test("the default keys of the home folder are used, with its known_hosts", async () => {
    fs.mkdirSync(join(folder, ".ssh"));
    fs.copyFileSync(sshd.identityFile, join(folder, ".ssh/id_ed25519"));
    fs.copyFileSync(sshd.knownHostsFile, join(folder, ".ssh/known_hosts"));
    const host = hostEntry(sshd, { identity: undefined, knownHosts: undefined });
    const machine = await connectHost(host, connectOptions({ homeFolder: folder }));
    expect((await (await machine.run(["true"])).exit).status).toBe(0);
    await machine.close();
  });

  test("a key with a passphrase needs an agent and works with one", async () => {
    const locked = join(folder, "locked");
    fs.copyFileSync(sshd.identityFile, locked);
    fs.chmodSync(locked, 0o600);
    execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "passphrase", "-f", locked]);
    const host = hostEntry(sshd, { identity: locked });
    const refused = await connectHost(host, connectOptions()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "login-refused", hint: expect.stringContaining("agent") });
    fs.rmSync(join(folder, "locked.pub"), { force: true });
    const agentSocket = join(folder, "agent");
    const pid = /pid ([0-9]+)/.exec(execFileSync("ssh-agent", ["-s", "-a", agentSocket], { encoding: "utf8" }))?.[1];
    try {
      execFileSync("ssh-add", ["-q", sshd.identityFile], {
        env: { ...process.env, SSH_AUTH_SOCK: agentSocket },
        stdio: "ignore",
      });
      for (const identity of [locked, undefined]) {
        const machine = await connectHost(hostEntry(sshd, { identity }), connectOptions({ agentSocket }));
        await machine.close();
      }
    } finally {
      process.kill(Number(pid));
    }
  });

  test("a passphrase comes from a secret reference; a wrong one is named and never shown", async () => {
    const locked = join(folder, "locked-too");
    fs.copyFileSync(sshd.identityFile, locked);
    fs.chmodSync(locked, 0o600);
    execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "right words", "-f", locked]);
    const host = hostEntry(sshd, { identity: locked, passphrase: { env: "KEY_WORDS" } });
    const machine = await connectHost(host, connectOptions({ secrets: { resolve: async () => "right words" } }));
    expect((await (await machine.run(["true"])).exit).status).toBe(0);
    await machine.close();
    const refused = await connectHost(host, connectOptions({ secrets: { resolve: async () => "wrong-words-4711" } })).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "login-refused", message: expect.stringContaining("env KEY_WORDS does not open") });
    expect(`${refused} ${JSON.stringify(refused)}`).not.toContain("4711");
  });

  test("of an agent with many keys only the one that is named is shown to the host", async () => {
    const strict = await startSshHost({ sshdLines: ["MaxAuthTries 2", "LogLevel VERBOSE"] });
    const agentSocket = join(folder, "full-agent");
    const pid = /pid ([0-9]+)/.exec(execFileSync("ssh-agent", ["-s", "-a", agentSocket], { encoding: "utf8" }))?.[1];
    const env = { ...process.env, SSH_AUTH_SOCK: agentSocket };
    try {
      for (const name of ["a", "b", "c"]) {
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, `many-${name}`)]);
        execFileSync("ssh-add", ["-q", join(folder, `many-${name}`)], { env, stdio: "ignore" });
      }
      execFileSync("ssh-add", ["-q", strict.identityFile], { env, stdio: "ignore" });
      await expect(
        connectHost(hostEntry(strict, { identity: undefined }), connectOptions({ agentSocket })),
      ).rejects.toMatchObject({ code: "login-refused" });
      const config = join(folder, "only");
      const publicKey = join(folder, "only.pub");
      fs.copyFileSync(`${strict.identityFile}.pub`, publicKey);
      fs.writeFileSync(config, `IdentityFile ${publicKey}\nIdentitiesOnly yes\n`);
      for (const changes of [{ identity: publicKey }, { identity: undefined, sshConfig: config }]) {
        const machine = await connectHost(hostEntry(strict, changes), connectOptions({ agentSocket }));
        await machine.close();
      }
    } finally {
      process.kill(Number(pid));
      await strict.stop();
    }
  });

  test("without any way to log in that is said before a connection is tried", async () => {
    await expect(connectHost(hostEntry(sshd, { identity: undefined, port: 1 }), connectOptions())).rejects.toMatchObject({
      code: "login-refused",
      message: expect.stringContaining("nothing to log in with"),
    });
  });
});

describe.skipIf(process.getuid?.() !== 0)("a password of an account (needs root, for a shadow file of the host's own)", () => {
  test("logs in at a real sshd, and a wrong one does not", async () => {
    const hash = execFileSync("openssl", ["passwd", "-6", "-stdin"], { input: "right pass word", encoding: "utf8" }).trim();
    const host = await startSshHost({
      sshdLines: ["PasswordAuthentication yes", "PubkeyAuthentication no", "PermitRootLogin yes"],
      ownFiles: { "/etc/shadow": { content: `root:${hash}:19000:0:99999:7:::\n`, mode: 0o600 } },
    });
    try {
      const entry = hostEntry(host, { identity: undefined, password: { env: "HOST_PASSWORD" } });
      const machine = await connectHost(entry, connectOptions({ secrets: { resolve: async () => "right pass word" } }));
      expect((await (await machine.run(["true"])).exit).status).toBe(0);
      await machine.close();
      await expect(connectHost(entry, connectOptions({ secrets: { resolve: async () => "wrong" } }))).rejects.toMatchObject({
        code: "login-refused",
      });
    } finally {
      await host.stop();
    }
  });
});

describe("a password from a secret reference", () => {
  const secretsWith = (password: string): SecretResolver => ({ resolve: async () => password });
  /** sshd would need an account whose password is known; ssh2's own server asks in both ways. */
  async function passwordServer(method: "password" | "keyboard-interactive") {
    const hostKey = fs.readFileSync(sshd.identityFile);
    const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
      client.on("error", () => undefined);
      client.on("authentication", (context) => {
        if (context.method === "password" && method === "password" && context.password === "right") context.accept();
        else if (context.method === "keyboard-interactive" && method === "keyboard-interactive") {
          context.prompt([{ prompt: "Password: ", echo: false }], ([answer]) =>
            answer === "right" ? context.accept() : context.reject(),
          );
        } else context.reject([method]);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as { port: number };
    const known = join(folder, `known-${port}`);
    const publicKey = execFileSync("ssh-keygen", ["-y", "-f", sshd.identityFile], { encoding: "utf8" });
    fs.writeFileSync(known, `[127.0.0.1]:${port} ${publicKey}`);
    const host = hostEntry(sshd, { port, knownHosts: known, identity: undefined, password: { env: "HOST_PASSWORD" } });
    return { host, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
  }

  test.each(["password", "keyboard-interactive"] as const)("is given by %s, and never shown when refused", async (method) => {
    const { host, close } = await passwordServer(method);
    const machine = await connectHost(host, connectOptions({ secrets: secretsWith("right") }));
    await machine.close();
    const refused = await connectHost(host, connectOptions({ secrets: secretsWith("wrong-pw-4711") })).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "login-refused", message: expect.stringContaining("env HOST_PASSWORD") });
    expect(`${refused} ${JSON.stringify(refused)}`).not.toContain("4711");
    await close();
  });
});
