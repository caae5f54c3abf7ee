import { changePassword } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { newKeyOf, newKeyOptions, readNewPassword } from "../session/read-new-key.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const keyPasswd: CommandSpec = {
  repository: true,
  writes: true,
  options: newKeyOptions,
  examples: [
    {
      command: "lifeboat key passwd --repo /srv/repo --password-file F --new-password-file G",
      does: "F opens it no more, G does",
    },
    {
      command: "lifeboat key passwd --repo main --new-password-file G",
      does: "then change the password that the configuration names",
    },
  ],
  details: "The new key has opened before the old one goes: killed in between, both passwords open the repository.",
  run: changeOne,
};

async function changeOne(session: Session, values: OptionValues): Promise<number> {
  const password = await readNewPassword(session, values);
  return withChosenRepository(session, values, { lock: session.dryRun ? "none" : "exclusive" }, async (opened) => {
    const { repository, choice } = opened;
    if (session.dryRun) {
      session.say(`would replace key ${repository.keyId.slice(0, 8)} of ${repository.store.url}`);
      return exitCodes.passed;
    }
    const { added, removed } = await changePassword(repository, newKeyOf(password, values, opened));
    if (session.json)
      await session.answer({ message_type: "password_changed", id: added, removed, repository: repository.store.url });
    else {
      session.say(`✓ key ${added.slice(0, 8)} replaces ${removed.slice(0, 8)}; keep a second copy of the new password`);
      if ("name" in choice)
        session.say(`  next   put it where repositories.${choice.name}.password of the configuration points to`);
    }
    return exitCodes.passed;
  });
}
