import { setTimeout as wait } from "node:timers/promises";
import type { Clock, CompiledHost, SecretResolver } from "@lifeboat/model";
import { silentLogger } from "@lifeboat/model";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import type { SshHost } from "../../../../test/services/index.ts";
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
