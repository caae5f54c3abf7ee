import { initChosenRepository } from "@lifeboat/jobs";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export const repoInit: CommandSpec = {
  repository: true,
  writes: true,
  examples: [
    { command: "lifeboat repo init --repo main", does: "as the configuration names it" },
    { command: "lifeboat repo init --repo /srv/repo --password-file F", does: "in a folder" },
    {
      command: "lifeboat repo init --repo s3:https://HOST/BUCKET/PREFIX --password-file F",
      does: "on an S3 server; keys from AWS_ACCESS_KEY_ID ...",
    },
  ],
  details:
    "Keep a second copy of the password elsewhere: without it the repository is lost. Stock restic opens it with the same password.",
  run: initOne,
};

async function initOne(session: Session, values: OptionValues): Promise<number> {
  const { config, choice } = await chooseRepository(session, values);
  const place = "name" in choice ? (config?.repositories.get(choice.name)?.url ?? choice.name) : choice.url;
  if (session.dryRun) {
    session.say(`would create a repository at ${place}`);
    return exitCodes.passed;
  }
  const repository = await initChosenRepository(openJobContext(session, { config, writes: true }), choice);
  const { id } = repository.config;
  const { url } = repository.store;
  await repository.close();
  if (session.json) await session.answer({ message_type: "initialized", id, repository: url });
  else
    session.say(
      `created repository ${id.slice(0, 10)} at ${url}; keep a second copy of its password: without it the repository is lost`,
    );
  return exitCodes.passed;
}
