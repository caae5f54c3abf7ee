import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import { programVersion } from "../program-version.ts";

export const version: CommandSpec = {
  examples: [{ command: "lifeboat version --json", does: "for a report of a bug" }],
  async run(session) {
    const node = process.versions.node;
    const platform = `${process.platform}-${process.arch}`;
    if (session.json) await session.answer({ version: programVersion, node, platform, repository_format: 2 });
    else await session.output.line(`lifeboat ${programVersion}, node ${node}, ${platform}, repository format 2 (restic)`);
    return exitCodes.passed;
  },
};
