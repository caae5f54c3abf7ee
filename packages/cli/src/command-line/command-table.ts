import type { CommandSpec } from "./command-spec.ts";

export interface TableRow {
  /** One word or two: "restore", "repo check". */
  readonly name: string;
  readonly summary: string;
  /** Not in the help: for scripts that complete and document. */
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandSpec>;
}

export interface TableSection {
  readonly title: string;
  readonly rows: readonly TableRow[];
}

/** Every command by name. Files are loaded when they are called, so that the program starts fast and restores need nothing else. */
export const commandTable: readonly TableSection[] = [
  {
    title: "Begin",
    rows: [
      { name: "init", summary: "write a commented configuration", load: async () => (await import("../commands/init.ts")).init },
      {
        name: "doctor",
        summary: "look at everything from the outside; each line says what to do",
        load: async () => (await import("../commands/doctor.ts")).doctor,
      },
      {
        name: "host check",
        summary: "reach one host: name, key, login, programs, clock",
        load: async () => (await import("../commands/host-check.ts")).hostCheck,
      },
      {
        name: "host trust",
        summary: "show a host's key and write it into known_hosts",
        load: async () => (await import("../commands/host-trust.ts")).hostTrust,
      },
      {
        name: "host setup",
        summary: "print what lets a host's key read its sources and nothing else",
        load: async () => (await import("../commands/host-setup.ts")).hostSetup,
      },
      {
        name: "up",
        summary: "start the service: scheduler, worker, page and a Redis of its own",
        load: async () => (await import("../commands/up.ts")).up,
      },
    ],
  },
  {
    title: "Look",
    rows: [
      {
        name: "status",
        summary: "are we protected? worst first",
        load: async () => (await import("../commands/status.ts")).status,
      },
      {
        name: "history",
        summary: "what ran, with its result and why",
        load: async () => (await import("../commands/history.ts")).history,
      },
      {
        name: "job show",
        summary: "one run: attempts, figures, problems",
        load: async () => (await import("../commands/job-show.ts")).jobShow,
      },
      {
        name: "snapshots",
        summary: "list snapshots",
        load: async () => (await import("../commands/snapshots.ts")).snapshots,
      },
      {
        name: "snapshots show",
        summary: "all that is known of one snapshot",
        load: async () => (await import("../commands/snapshots-show.ts")).snapshotsShow,
      },
      { name: "ls", summary: "list what a snapshot holds", load: async () => (await import("../commands/ls.ts")).ls },
      { name: "find", summary: "find names in snapshots", load: async () => (await import("../commands/find.ts")).find },
      { name: "cat", summary: "print a file of a snapshot", load: async () => (await import("../commands/cat.ts")).cat },
      {
        name: "dump",
        summary: "a folder of a snapshot as a tar archive",
        load: async () => (await import("../commands/dump.ts")).dump,
      },
      {
        name: "stats",
        summary: "sizes and counts of snapshots",
        load: async () => (await import("../commands/stats.ts")).stats,
      },
      { name: "diff", summary: "compare two snapshots", load: async () => (await import("../commands/diff.ts")).diff },
    ],
  },
  {
    title: "Do",
    rows: [
      {
        name: "backup run",
        summary: "back up a policy or an asset now",
        load: async () => (await import("../commands/backup-run.ts")).backupRun,
      },
      {
        name: "restore",
        summary: "restore a snapshot, or a part of it, and look at what was restored",
        load: async () => (await import("../commands/restore.ts")).restore,
      },
    ],
  },
  {
    title: "Prove",
    rows: [
      {
        name: "verify",
        summary: "compare a snapshot with its host as it is now",
        load: async () => (await import("../commands/verify.ts")).verify,
      },
      {
        name: "drill run",
        summary: "restore to scratch targets and check the service",
        load: async () => (await import("../commands/drill-run.ts")).drillRun,
      },
      {
        name: "drill list",
        summary: "drills and their last result",
        load: async () => (await import("../commands/drill-list.ts")).drillList,
      },
      {
        name: "drill report",
        summary: "what a drill found, as text, HTML or JSON",
        load: async () => (await import("../commands/drill-report.ts")).drillReport,
      },
      {
        name: "drill validate",
        summary: "check drill definitions",
        load: async () => (await import("../commands/drill-validate.ts")).drillValidate,
      },
      {
        name: "drill sweep",
        summary: "remove what killed or kept drills have left",
        load: async () => (await import("../commands/drill-sweep.ts")).drillSweep,
      },
    ],
  },
  {
    title: "Care for repositories",
    rows: [
      {
        name: "repo init",
        summary: "create a repository",
        load: async () => (await import("../commands/repo-init.ts")).repoInit,
      },
      {
        name: "repo check",
        summary: "is the repository sound?",
        load: async () => (await import("../commands/repo-check.ts")).repoCheck,
      },
      {
        name: "repo prune",
        summary: "remove data that no snapshot needs",
        load: async () => (await import("../commands/repo-prune.ts")).repoPrune,
      },
      {
        name: "repo repair",
        summary: "bring back what damage has left: index, packs, snapshots",
        load: async () => (await import("../commands/repo-repair.ts")).repoRepair,
      },
      {
        name: "repo unlock",
        summary: "remove locks of dead programs",
        load: async () => (await import("../commands/repo-unlock.ts")).repoUnlock,
      },
      {
        name: "repo stats",
        summary: "sizes and counts",
        load: async () => (await import("../commands/repo-stats.ts")).repoStats,
      },
      {
        name: "repo list",
        summary: "ids of objects: packs, blobs, index, keys, locks, snapshots",
        load: async () => (await import("../commands/repo-objects.ts")).repoList,
      },
      {
        name: "repo cat",
        summary: "one object as it is stored: config, snapshot, index, tree, ...",
        load: async () => (await import("../commands/repo-objects.ts")).repoCat,
      },
      {
        name: "key list",
        summary: "who has a password of the repository",
        load: async () => (await import("../commands/key-list.ts")).keyList,
      },
      {
        name: "key add",
        summary: "one more password for the repository",
        load: async () => (await import("../commands/key-add.ts")).keyAdd,
      },
      {
        name: "key remove",
        summary: "take a password's right to open the repository",
        load: async () => (await import("../commands/key-remove.ts")).keyRemove,
      },
      {
        name: "key passwd",
        summary: "change the password that is in use",
        load: async () => (await import("../commands/key-passwd.ts")).keyPasswd,
      },
      {
        name: "copy",
        summary: "copy snapshots to another repository",
        load: async () => (await import("../commands/copy.ts")).copy,
      },
      {
        name: "snapshots forget",
        summary: "forget snapshots by id, or all that a rule does not keep",
        load: async () => (await import("../commands/snapshots-forget.ts")).snapshotsForget,
      },
      {
        name: "rewrite",
        summary: "erase paths from snapshots",
        load: async () => (await import("../commands/rewrite.ts")).rewrite,
      },
      { name: "tag", summary: "change tags of snapshots", load: async () => (await import("../commands/tag.ts")).tag },
      {
        name: "snapshots pin",
        summary: "keep snapshots whatever a rule says",
        load: async () => (await import("../commands/snapshots-pin.ts")).snapshotsPin,
      },
      {
        name: "snapshots unpin",
        summary: "leave snapshots to the rule again",
        load: async () => (await import("../commands/snapshots-pin.ts")).snapshotsUnpin,
      },
      {
        name: "retention run",
        summary: "forget the snapshots that retention does not keep",
        load: async () => (await import("../commands/retention-run.ts")).retentionRun,
      },
      {
        name: "replicate",
        summary: "copy an asset's snapshots to its replicas now",
        load: async () => (await import("../commands/replicate.ts")).replicate,
      },
    ],
  },
  {
    title: "Configuration",
    rows: [
      {
        name: "config validate",
        summary: "check the configuration; every error with its place",
        load: async () => (await import("../commands/config-validate.ts")).configValidate,
      },
      {
        name: "config explain",
        summary: "a value and the line it comes from",
        load: async () => (await import("../commands/config-explain.ts")).configExplain,
      },
      {
        name: "config schema",
        summary: "JSON Schema of the configuration, for editors",
        load: async () => (await import("../commands/config-schema.ts")).configSchema,
      },
    ],
  },
  {
    title: "More",
    rows: [
      {
        name: "completion",
        summary: "completion for bash, zsh or fish",
        load: async () => (await import("../commands/completion.ts")).completion,
      },
      {
        name: "version",
        summary: "versions of Lifeboat and Node",
        load: async () => (await import("../commands/version.ts")).version,
      },
      {
        name: "help",
        summary: "this text, or a topic: exit-codes, times, secrets, json",
        load: async () => (await import("../commands/help.ts")).help,
      },
      {
        name: "complete",
        summary: "candidates for completion",
        hidden: true,
        load: async () => (await import("../commands/complete.ts")).complete,
      },
    ],
  },
];

export const commandRows: readonly TableRow[] = commandTable.flatMap((section) => section.rows);
