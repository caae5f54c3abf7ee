import { findHost } from "@lifeboat/jobs";
import { exitCodes, LifeboatError } from "@lifeboat/model";
import { createHostSetup, type HostSetup } from "@lifeboat/remote";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { loadConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";

const parts = ["key", "sudoers", "script"] as const;

export const hostSetup: CommandSpec = {
  arguments: [{ name: "<host>", description: "a host of the configuration" }],
  options: [
    { flags: "--print", description: "print it (nothing is ever written on a host; this is the default)" },
    { flags: "--path <PATH>", description: "where the script is installed; default: /usr/local/sbin/lifeboat-pull" },
    { flags: "--only <PART>", description: "one part without a word around it: key, sudoers or script" },
  ],
  examples: [
    {
      command: "lifeboat host setup web1 --print",
      does: "what to install on web1, so that its key can read the sources and nothing else",
    },
    {
      command: "lifeboat host setup web1 --only script | ssh root@web1 'cat > /usr/local/sbin/lifeboat-pull'",
      does: "install one part",
    },
  ],
  details:
    "Three parts: a script that checks every command and every path name, a line for authorized_keys that puts it in the place of a shell, " +
    "and a line for sudoers where the host has sudo: true. What the key can do with them is said at the end.",
  run: setUp,
};

async function setUp(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const host = findHost({ config }, values.word(0));
  const only = values.text("only");
  if (only !== undefined && !parts.some((part) => part === only))
    throw new LifeboatError("usage", `there is no part "${only}"`, { hint: `Parts: ${parts.join(", ")}.` });
  const sources = [...config.assets.values()].filter((asset) => asset.host === host.name).map(({ source }) => source);
  if (sources.length === 0)
    throw new LifeboatError("usage", `nothing is backed up from ${host.name}`, {
      hint: "Add it to a policy first: the script is made for its sources.",
    });
  const scriptPath = values.text("path");
  if (scriptPath !== undefined && !/^(\/[A-Za-z0-9_.-]+)+$/.test(scriptPath))
    throw new LifeboatError("usage", `--path ${scriptPath} is no plain absolute path`);
  const setup = await createHostSetup(host, sources, {
    homeFolder: session.environment.HOME,
    ...(scriptPath !== undefined && { scriptPath }),
  });
  if (session.json) await session.answer(jsonOf(host.name, setup));
  else await session.output.line(only === undefined ? textOf(host.name, setup) : partOf(setup, only));
  return exitCodes.passed;
}

function partOf(setup: HostSetup, part: string): string {
  if (part === "script") return setup.script.trimEnd();
  return part === "key" ? setup.authorizedKeys : (setup.sudoers ?? "# sudo is not used");
}

function textOf(name: string, setup: HostSetup): string {
  const sudoers =
    setup.sudoers === undefined
      ? []
      : ["", `# 3. ${setup.sudoersPath} (root, mode 440; look at it with visudo -cf):`, "", setup.sudoers];
  return [
    `# What to install on ${name}, so that the key of Lifeboat reads the sources there and nothing else.`,
    "",
    `# 1. In authorized_keys of ${setup.user}, in the place of any other line with this key:`,
    "",
    setup.authorizedKeys,
    "",
    `# 2. ${setup.scriptPath} (root, mode 755; needs perl): lifeboat host setup ${name} --only script`,
    ...sudoers,
    "",
    `# Then: lifeboat host check ${name}`,
    "",
    "# What the key can still do:",
    ...setup.limits.map((limit) => `# - ${limit}`),
    "",
    `# ${setup.scriptPath}:`,
    "",
    setup.script.trimEnd(),
  ].join("\n");
}

function jsonOf(host: string, setup: HostSetup) {
  return {
    message_type: "host_setup",
    host,
    user: setup.user,
    authorized_keys: setup.authorizedKeys,
    script_path: setup.scriptPath,
    script: setup.script,
    sudoers_path: setup.sudoersPath,
    sudoers: setup.sudoers ?? null,
    limits: setup.limits,
  };
}
