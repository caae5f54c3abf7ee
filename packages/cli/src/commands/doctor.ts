import { type CompiledConfig, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import type { Finding } from "../doctor/finding.ts";
import { showFindings } from "../doctor/finding.ts";
import { lookAtHost } from "../doctor/look-at-host.ts";
import { lookAtMachine, lookAtSecrets } from "../doctor/look-at-machine.ts";
import { lookAtRepository } from "../doctor/look-at-repository.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext, stateFolderOf } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export const doctor: CommandSpec = {
  arguments: [{ name: "[host]", description: "only this host and its assets" }],
  examples: [
    { command: "lifeboat doctor", does: "machine, secrets, hosts, repositories; each line ends with what to do" },
    { command: "lifeboat doctor db2", does: "one host" },
  ],
  details: "Reads only. Exit code 1 when something has to be mended.",
  run: examine,
};

async function examine(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  session.say(config.file);
  return showFindings(session, lookAtAll(session, config, values.words[0]));
}

async function* lookAtAll(session: Session, config: CompiledConfig, only: string | undefined): AsyncGenerator<Finding> {
  const context = openJobContext(session, { config, writes: false });
  const one = only === undefined ? undefined : config.hosts.get(only);
  if (only !== undefined && one === undefined) {
    throw new LifeboatError(
      "asset-unknown",
      `there is no host "${only}" in the configuration (known: ${[...config.hosts.keys()].join(", ")})`,
    );
  }
  if (one !== undefined) {
    yield* lookAtHost(context, config, one);
    return;
  }
  yield* lookAtMachine(context, stateFolderOf(session, config));
  yield* lookAtSecrets(context, config);
  for (const host of config.hosts.values()) {
    session.output.status(`host ${host.name} ...`);
    yield* lookAtHost(context, config, host);
  }
  for (const name of config.repositories.keys()) {
    session.output.status(`repository ${name} ...`);
    yield* lookAtRepository(context, name);
  }
}
