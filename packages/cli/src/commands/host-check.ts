import { findHost } from "@lifeboat/jobs";
import type { CommandSpec } from "../command-line/command-spec.ts";
import { showFindings } from "../doctor/finding.ts";
import { lookAtHost } from "../doctor/look-at-host.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";

export const hostCheck: CommandSpec = {
  arguments: [{ name: "<host>", description: "a host of the configuration" }],
  examples: [{ command: "lifeboat host check web1", does: "name, key, login, programs, clock, paths" }],
  async run(session, values) {
    const config = await loadConfig(session);
    const context = openJobContext(session, { config, writes: false });
    return showFindings(session, lookAtHost(context, config, findHost(context, values.word(0))));
  },
};
