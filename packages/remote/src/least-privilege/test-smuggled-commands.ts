import { byteString } from "@lifeboat/model";
import { listCommand } from "../files/list-command.ts";
import { readCommand, readRestCommand } from "../files/remote-commands.ts";
import { shellCommand } from "../session/shell-command.ts";

export interface Victim {
  /** The one folder that may be read. */
  readonly tree: string;
  /** A file outside of it. */
  readonly secret: string;
  /** Where something written would be seen, as `pwned`. */
  readonly folder: string;
}

/** What is done with a stolen key besides what the test itself has: the words of allowed commands bent, and other programs of SSH. */
export const smuggledCommands: readonly { readonly what: string; readonly command: (victim: Victim) => string }[] = [
  {
    what: "read from a file by dd's other names",
    command: ({ secret }) => line(readRestCommand(0, 5).map((word) => (word === "if={}" ? `if=${secret}` : word))),
  },
  { what: "let dd write", command: ({ folder }) => line([...readRestCommand(0, 5), `of=${folder}/pwned`]) },
  { what: "let xargs run something else", command: () => line(["xargs", "-0", "-I{}", "id", "{}"]) },
  {
    what: "let xargs read its names from a file",
    command: ({ secret }) => line(["xargs", "-a", secret, ...readRestCommand(0, 5).slice(1)]),
  },
  {
    what: "let find read its paths from a file",
    command: ({ tree, secret }) => line(["find", "-files0-from", secret, ...listOf([tree]).slice(2)]),
  },
  {
    what: "let tar read its names from a file",
    command: ({ secret }) => line(readCommand().map((word) => (word === "--files-from=-" ? `--files-from=${secret}` : word))),
  },
  { what: "let tar add a file", command: ({ secret }) => line([...readCommand(), `--add-file=${secret}`]) },
  { what: "let tar follow links", command: () => line([...readCommand(), "--dereference"]) },
  { what: "let tar go into folders", command: () => line(readCommand().filter((word) => word !== "--no-recursion")) },
  { what: "give sudo another user", command: () => line(["sudo", "-n", "-u", "root", "--", "id"], {}) },
  { what: "give sudo options behind its end", command: () => line(["-i", "id"]) },
  { what: "use words of other alphabets", command: () => line(["ta\u0433", "--version"]) },
  {
    what: "send a command of 60 KB",
    command: ({ tree }) => line(["find", ...Array.from({ length: 1000 }, (_, at) => `${tree}/${"x".repeat(20)}${at}`)]),
  },
  { what: "copy files out by scp", command: ({ secret }) => `scp -f ${secret}` },
  { what: "copy files in by scp", command: ({ folder }) => `scp -t ${folder}/pwned` },
  { what: "copy files by rsync", command: ({ secret }) => `rsync --server --sender -logDtpre.iLsfxC . ${secret}` },
  { what: "start the sftp server", command: () => "/usr/lib/openssh/sftp-server" },
  { what: "read another file of accounts", command: () => line(["cat", "/etc/shadow"]) },
  { what: "read accounts with sudo", command: () => line(["getent", "shadow", "root"]) },
  { what: "dump another database", command: () => line(["pg_dump", "--dbname=dbname='postgres'"], {}) },
  { what: "let pg_dump write a file", command: ({ folder }) => line(["pg_dump", `--file=${folder}/pwned`], {}) },
  {
    what: "open another SQLite file",
    command: ({ secret }) => line(["sqlite3", "-readonly", "-batch", "-bail", "-init", "/dev/null", secret]),
  },
  { what: "use the script's way to root by itself", command: ({ folder }) => `sudo -n -- ${folder}/lifeboat-pull id` },
];

function line(argv: readonly (string | Uint8Array)[], options: { readonly sudo?: boolean } = { sudo: true }): string {
  return shellCommand(argv, options).toString("latin1");
}

/** The listing of an asset with these paths. */
export function listOf(paths: readonly string[]) {
  return listCommand({ paths: paths.map(byteString), selection: {}, stopAt: [] });
}
