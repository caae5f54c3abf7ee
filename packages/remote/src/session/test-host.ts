import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock, CompiledHost, SecretResolver } from "@lifeboat/model";
import { silentLogger } from "@lifeboat/model";
import type { ServerChannel, ServerConfig } from "ssh2";
import ssh2 from "ssh2";
import { hostEntry, plainHost } from "../../../../test/fixtures/host-entry.ts";
import type { SshHost } from "../../../../test/services/index.ts";
import { fingerprintOf } from "./host-key-digest.ts";
import { type ConnectOptions, connectHost, type SshMachine } from "./ssh-machine.ts";

export const noSecrets: SecretResolver = {
  resolve: async () => {
    throw new Error("no secret expected");
  },
};

const clock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, signal === undefined ? {} : { signal }),
};

export function connectOptions(changes: Partial<ConnectOptions> = {}): ConnectOptions {
  return { secrets: noSecrets, logger: silentLogger, clock, signal: new AbortController().signal, ...changes };
}

export function connectTo(sshd: SshHost, changes: Partial<CompiledHost> = {}): Promise<SshMachine> {
  return connectHost(hostEntry(sshd, changes), connectOptions());
}

/** ssh2 makes now and then a key that it cannot read itself. */
function createHostKey() {
  for (;;) {
    const { private: hostKey } = ssh2.utils.generateKeyPairSync("ed25519");
    const key = ssh2.utils.parseKey(hostKey);
    if (!(key instanceof Error)) return { hostKey, key };
  }
}

/** A machine whose SSH server, ssh2's own in this process, does what `onExec` says in the place of a command. */
export async function connectToServer(
  onExec: (accept: () => ServerChannel) => unknown,
  {
    clock: time = clock,
    server: serverChanges = {},
    ...changes
  }: Partial<CompiledHost> & { readonly clock?: Clock; readonly server?: Omit<ServerConfig, "hostKeys"> } = {},
): Promise<{ readonly machine: SshMachine; close(): Promise<void> }> {
  const { hostKey, key } = createHostKey();
  const server = new ssh2.Server({ ...serverChanges, hostKeys: [hostKey] }, (client) => {
    client.on("error", () => undefined);
    client.on("authentication", (context) => context.accept());
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec) => onExec(acceptExec));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = plainHost({
    address: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    user: "backup",
    sshConfig: false,
    password: { env: "PASSWORD" },
    hostKey: await fingerprintOf(key.getPublicSSH()),
    ...changes,
  });
  const machine = await connectHost(host, connectOptions({ clock: time, secrets: { resolve: async () => "password" } }));
  return {
    machine,
    close: async () => {
      await machine.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
