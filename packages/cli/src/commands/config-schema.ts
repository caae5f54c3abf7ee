import { exitCodes } from "@lifeboat/model";
import { configJsonSchema } from "@lifeboat/model/config";
import type { CommandSpec } from "../command-line/command-spec.ts";

export const configSchema: CommandSpec = {
  examples: [
    {
      command: "lifeboat config schema > lifeboat.schema.json",
      does: "and in the file: # yaml-language-server: $schema=./lifeboat.schema.json",
    },
  ],
  async run(session) {
    await session.output.line(JSON.stringify(configJsonSchema(), null, session.json ? 0 : 2));
    return exitCodes.passed;
  },
};
