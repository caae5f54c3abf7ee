import type { OptionSpec } from "./command-spec.ts";

/** Understood by every command, before or after its name. */
export const globalOptions: readonly OptionSpec[] = [
  {
    flags: "--config <FILE>",
    description: "configuration (default: $LIFEBOAT_CONFIG, ./lifeboat.yaml, /etc/lifeboat/lifeboat.yaml)",
  },
  { flags: "--state <DIR>", description: "folder for history and caches; all of it can be lost" },
  {
    flags: "--cache-dir <DIR>",
    description: "keep index, snapshots and folders of repositories here (default: in the state folder, or ~/.cache/lifeboat)",
  },
  { flags: "--no-cache", description: "keep nothing of repositories on this machine, and believe nothing that was kept" },
  { flags: "--json", description: "answer for programs: one object, or one object a line while work is running" },
  { flags: "-q, --quiet", description: "errors only" },
  { flags: "-v, --verbose", description: "say more; -vv still more" },
  { flags: "--no-color", description: "no colours (also: NO_COLOR in the environment)" },
];

/** Name a repository without any configuration. */
export const repositoryOptions: readonly OptionSpec[] = [
  { flags: "--repo <REPO>", description: "name in the configuration, or a place: /srv/repo, s3:https://HOST/BUCKET/PREFIX" },
  { flags: "--password-file <FILE>", description: "file with the repository's password" },
  { flags: "--limit-upload <RATE>", description: "send no more than 10MiB/s; unlimited: not even the configuration's limit" },
  { flags: "--limit-download <RATE>", description: "the same for what is read from it" },
];

export const dryRunOption: OptionSpec = { flags: "--dry-run", description: "only say what would be done" };

/** Those that take a value: what follows them is no command. */
export const valuedOptions: ReadonlySet<string> = new Set([
  "--config",
  "--state",
  "--cache-dir",
  "--repo",
  "--password-file",
  "--limit-upload",
  "--limit-download",
]);
