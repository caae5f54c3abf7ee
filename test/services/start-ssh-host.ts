import { readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { canConnect } from "./can-connect.ts";
import { findFreePort } from "./free-port.ts";
import { runCommand } from "./run-command.ts";
import { retryStart, startServer } from "./start-server.ts";
import { createTempFolder } from "./temp-folder.ts";

export interface SshHostOptions {
  /** Account that logs in; default the one that runs the test (another one needs root). Needs a login shell. */
  readonly user?: string;
  /** To take the place of a host that was stopped; it gets a new host key. */
  readonly port?: number;
  /** Further lines for sshd_config; the first occurrence of a keyword wins, and these come first. */
  readonly sshdLines?: readonly string[];
  /** Files that only this host sees in the place of the machine's own, by path (they must exist there); needs root. */
  readonly ownFiles?: Readonly<Record<string, { readonly content: string; readonly mode: number }>>;
}

export interface SshHost extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Private key without a passphrase. */
  readonly identityFile: string;
  /** Holds this host's key under `[127.0.0.1]:PORT`. */
  readonly knownHostsFile: string;
  /** A folder of the host's own, removed at the end; tests may put their trees in it. */
  readonly folder: string;
  readonly pid: number;
  /** What sshd logged, at most the last 64 KiB. */
  log(): string;
  stop(): Promise<void>;
  /** SIGKILL for sshd and all its sessions: every connection breaks at once. The folder stays until `stop`. */
  kill(): Promise<void>;
}

/** A private OpenSSH server on loopback with its own host key and one accepted client key. */
export async function startSshHost(options: SshHostOptions = {}): Promise<SshHost> {
  const temp = await createTempFolder("ssh");
  const file = (name: string) => join(temp.path, name);
  try {
    const user = options.user ?? userInfo().username;
    for (const [name, type] of [
      ["host_key", "ed25519"],
      ["identity", "ed25519"],
    ] as const) {
      await runCommand("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", `lifeboat-test-${name}`, "-f", file(name)]);
    }
    // sshd reads the list as the user who logs in, so it must be readable for all.
    await writeFile(file("authorized_keys"), await readFile(file("identity.pub")), { mode: 0o644 });
    // sshd, started as root, insists on this folder; the package's service would make it at boot.
    if (process.getuid?.() === 0) await runCommand("install", ["-d", "-m", "755", "/run/sshd"]);
    const mounts: string[] = [];
    for (const [path, { content, mode }] of Object.entries(options.ownFiles ?? {})) {
      const copy = file(`own${path.replaceAll("/", "-")}`);
      await writeFile(copy, content, { mode });
      mounts.push(copy, path);
    }
    const sshd = ["/usr/sbin/sshd", "-D", "-e", "-f", file("sshd_config")];
    // Mounts of a namespace of its own end with its last process.
    const mountAll = 'while [ "$1" != /usr/sbin/sshd ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; exec "$@"';
    const [command = "", ...args] =
      mounts.length === 0 ? sshd : ["unshare", "--mount", "sh", "-c", mountAll, "sh", ...mounts, ...sshd];
    const { server, port } = await retryStart(async () => {
      const port = options.port ?? (await findFreePort());
      await writeFile(
        file("sshd_config"),
        [
          ...(options.sshdLines ?? []),
          `Port ${port}`,
          "ListenAddress 127.0.0.1",
          `HostKey ${file("host_key")}`,
          `AuthorizedKeysFile ${file("authorized_keys")}`,
          `PidFile ${file("sshd.pid")}`,
          "PermitRootLogin prohibit-password",
          "PasswordAuthentication no",
          "KbdInteractiveAuthentication no",
          "UsePAM no",
          // An empty home: what an account's shell runs at login on this machine is no part of any test, and may cost a second each time.
          `SetEnv HOME=${temp.path}`,
          "UseDNS no",
          "StrictModes no",
          "PrintMotd no",
          "MaxStartups 100",
          "MaxSessions 100",
          "Subsystem sftp internal-sftp",
          "",
        ].join("\n"),
      );
      const server = await startServer({
        command,
        args,
        isReady: () => canConnect(port, "SSH-2.0"),
      });
      return { server, port };
    });
    const hostKey = (await readFile(file("host_key.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
    await writeFile(file("known_hosts"), `[127.0.0.1]:${port} ${hostKey}\n`);
    const stop = async () => {
      await server.stop();
      await temp.remove();
    };
    return {
      address: "127.0.0.1",
      port,
      user,
      identityFile: file("identity"),
      knownHostsFile: file("known_hosts"),
      folder: temp.path,
      pid: server.pid,
      log: () => server.output(),
      stop,
      kill: () => server.kill(),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await temp.remove();
    throw error;
  }
}
