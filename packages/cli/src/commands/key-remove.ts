import { findKey, listKeys, removeKey } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { confirm, type Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const keyRemove: CommandSpec = {
  arguments: [{ name: "<id>", description: "the key's id, or its first digits" }],
  repository: true,
  writes: true,
  options: [{ flags: "--yes", description: "do not ask" }],
  examples: [
    { command: "lifeboat key remove 9f3c1a22 --repo main", does: "its password no longer opens the repository" },
    { command: "lifeboat key remove 9f3c1a22 --repo main --dry-run", does: "only say which one it is" },
  ],
  details:
    "The key in use is never removed. Who opened the repository with the removed password before may have kept the master key: when it has leaked, copy the snapshots into a new repository.",
  run: removeOne,
};

async function removeOne(session: Session, values: OptionValues): Promise<number> {
  return withChosenRepository(session, values, { lock: session.dryRun ? "none" : "exclusive" }, async ({ repository }) => {
    const { signal } = session;
    const id = await findKey(repository, values.word(0), { signal });
    const keys = await listKeys(repository, { signal });
    const origin = keys.find((key) => key.id === id)?.origin;
    const whose = origin === undefined ? "damaged" : `${origin.username || "?"} on ${origin.hostname || "?"}`;
    const what = `key ${id.slice(0, 8)} (${whose})`;
    if (session.dryRun) {
      session.say(id === repository.keyId ? `${what} is the one in use and stays` : `would remove ${what}`);
      return exitCodes.passed;
    }
    if (id !== repository.keyId) await confirm(session, `Remove ${what}?`, values.flag("yes"));
    await removeKey(repository, id);
    if (session.json) await session.answer({ message_type: "key_removed", id, repository: repository.store.url });
    else session.say(`✓ removed ${what}; ${countOf(keys.length - 1, "key")} left`);
    return exitCodes.passed;
  });
}
