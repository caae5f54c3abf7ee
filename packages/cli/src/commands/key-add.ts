import { addKey } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { newKeyOf, newKeyOptions, readNewPassword } from "../session/read-new-key.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const keyAdd: CommandSpec = {
  repository: true,
  writes: true,
  options: newKeyOptions,
  examples: [
    {
      command: "lifeboat key add --repo main --new-password-file /root/second-password",
      does: "a second password, for the safe",
    },
    {
      command: "lifeboat key add --repo /srv/repo --password-file F --new-password-file G --user alice",
      does: "one that can be taken from Alice again",
    },
  ],
  details: "The new key is read back and opened before it counts. Stock restic opens the repository with it, too.",
  run: addOne,
};

async function addOne(session: Session, values: OptionValues): Promise<number> {
  const password = await readNewPassword(session, values);
  return withChosenRepository(session, values, { lock: session.dryRun ? "none" : "shared" }, async (opened) => {
    const { store } = opened.repository;
    if (session.dryRun) {
      session.say(`would add a key to ${store.url}`);
      return exitCodes.passed;
    }
    const id = await addKey(opened.repository, newKeyOf(password, values, opened));
    if (session.json) await session.answer({ message_type: "key_added", id, repository: store.url });
    else session.say(`✓ added key ${id.slice(0, 8)} to ${store.url}; it was read back and opens`);
    return exitCodes.passed;
  });
}
