import type { FileEntry, Machine } from "@lifeboat/model";
import { collectOutput } from "../process/collect-output.ts";
import { commandFailure } from "./command-failure.ts";
import { type OwnerDatabase, ownersCommand, ownersFileCommand } from "./remote-commands.ts";

/** Owners' names go to terminals and pages as they are: a host must not steer these through them. */
const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const maxNameLength = 256;
/** Ids asked for in one command: far below what a command line may hold. */
const maxIdsAtOnce = 1000;

/**
 * Names of owners and groups, asked for once for each number. `find -printf '%u %g'` looks both up for every file, which costs it four
 * times what all the rest does. One object a source.
 */
export class OwnerNames {
  readonly #machine: Machine;
  readonly #known: Record<OwnerDatabase, Map<number, string>> = { passwd: new Map(), group: new Map() };

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Sets `user` and `group` of fresh entries; "" where a number has no name, as restic has it. */
  async fill(entries: readonly FileEntry[], signal: AbortSignal): Promise<void> {
    const { passwd, group } = this.#known;
    const unknownUsers = new Set<number>();
    const unknownGroups = new Set<number>();
    for (const { uid, gid } of entries) {
      if (!passwd.has(uid)) unknownUsers.add(uid);
      if (!group.has(gid)) unknownGroups.add(gid);
    }
    if (unknownUsers.size > 0 || unknownGroups.size > 0) {
      await Promise.all([this.#ask("passwd", [...unknownUsers], signal), this.#ask("group", [...unknownGroups], signal)]);
    }
    for (const entry of entries as { -readonly [Field in keyof FileEntry]: FileEntry[Field] }[]) {
      entry.user = passwd.get(entry.uid) ?? "";
      entry.group = group.get(entry.gid) ?? "";
    }
  }

  async #ask(database: OwnerDatabase, ids: readonly number[], signal: AbortSignal): Promise<void> {
    const known = this.#known[database];
    for (let at = 0; at < ids.length; at += maxIdsAtOnce) {
      const some = ids.slice(at, at + maxIdsAtOnce);
      const lines = await this.#lines(database, some, signal);
      for (const id of some) known.set(id, "");
      for (const line of lines) {
        // Where two accounts share a number the first one counts, as for every program that asks the system.
        const [name = "", , id = ""] = line.split(":");
        if (known.get(Number(id)) === "" && id !== "")
          known.set(Number(id), name.slice(0, maxNameLength).replace(unprintable, "\ufffd"));
      }
    }
  }

  async #lines(database: OwnerDatabase, ids: readonly number[], signal: AbortSignal): Promise<string[]> {
    const { name } = this.#machine;
    const asked = await collectOutput(await this.#machine.run(ownersCommand(database, ids), { signal }), {
      what: `getent on ${name}`,
    });
    signal.throwIfAborted();
    // 2: some have no name.
    if (asked.status === 0 || asked.status === 2) return asked.stdout.toString("utf8").split("\n");
    if (asked.status !== 127) throw commandFailure("getent", name, asked.status, asked.stderr);
    const file = await collectOutput(await this.#machine.run(ownersFileCommand(database), { signal }), {
      what: `cat on ${name}`,
    });
    signal.throwIfAborted();
    if (file.status !== 0) throw commandFailure("cat", name, file.status, file.stderr);
    return file.stdout.toString("utf8").split("\n");
  }
}
