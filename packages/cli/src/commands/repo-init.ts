import { initChosenRepository } from "@lifeboat/jobs";
import { exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { chooseOtherRepository, chooseRepository } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const repoInit: CommandSpec = {
  repository: true,
  writes: true,
  options: [
    {
      flags: "--copy-chunker-params",
      description: "cut files as another repository does: what is copied and backed up later is stored once",
    },
    { flags: "--from-repo <REPO>", description: "that other repository: a name in the configuration, or a place" },
    { flags: "--from-password-file <FILE>", description: "file with its password" },
  ],
  examples: [
    { command: "lifeboat repo init --repo main", does: "as the configuration names it" },
    { command: "lifeboat repo init --repo /srv/repo --password-file F", does: "in a folder" },
    {
      command: "lifeboat repo init --repo s3:https://HOST/BUCKET/PREFIX --password-file F",
      does: "on an S3 server; keys from AWS_ACCESS_KEY_ID ...",
    },
    {
      command:
        "lifeboat repo init --repo /mnt/copy --password-file G --copy-chunker-params --from-repo /srv/repo --from-password-file F",
      does: "as a place for copies",
    },
  ],
  details:
    "Keep a second copy of the password elsewhere: without it the repository is lost. Stock restic opens it with the same password.",
  run: initOne,
};

async function initOne(session: Session, values: OptionValues): Promise<number> {
  const { config, choice } = await chooseRepository(session, values);
  const place = "name" in choice ? (config?.repositories.get(choice.name)?.url ?? choice.name) : choice.url;
  const polynomial = await readPolynomial(session, values);
  if (session.dryRun) {
    session.say(`would create a repository at ${place}`);
    return exitCodes.passed;
  }
  const repository = await initChosenRepository(openJobContext(session, { config, writes: true }), choice, polynomial);
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

/** Of the repository whose cuts are to be taken over; undefined: the new one gets its own. */
async function readPolynomial(session: Session, values: OptionValues): Promise<string | undefined> {
  const isWanted = values.flag("copy-chunker-params");
  if (!isWanted && values.text("from-repo") === undefined) return undefined;
  if (!isWanted) {
    throw new LifeboatError("usage", "--from-repo is of use only with --copy-chunker-params; nothing was created", {
      hint: "Add --copy-chunker-params, or leave --from-repo out.",
    });
  }
  const chosen = await chooseOtherRepository(session, values, "from");
  return withChosenRepository(
    session,
    values,
    { lock: "none", chosen },
    async ({ repository }) => repository.config.chunkerPolynomial,
  );
}
