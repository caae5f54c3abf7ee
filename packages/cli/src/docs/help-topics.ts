import { errorCodes, exitCodes } from "@lifeboat/model";

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  passed: "done",
  failed: "failed",
  usage: "the command line or the configuration is wrong",
  incomplete: "done, but parts could not be read or restored",
  notAllowed: "not allowed",
  objectiveMissed: "an objective is missed (status --check)",
  checkFailed: "a verification, a repository check or a drill said no",
  inconclusive: "nothing is known: a check could not be made",
  controlPlane: "the service, its Redis or its history is not reachable",
  confirmation: "it would have asked, and there is no terminal; or the target is not empty",
  noRepository: "there is no repository",
  locked: "the repository is locked",
  wrongPassword: "wrong repository password",
  cancelled: "stopped by Ctrl-C or a signal",
};

export function exitCodeRows(): [code: number, meaning: string, errors: string[]][] {
  return (Object.keys(exitCodes) as (keyof typeof exitCodes)[]).map((name) => {
    const code = exitCodes[name];
    const errors = Object.entries(errorCodes).filter(([, row]) => row.exit === code);
    return [code, meanings[name], errors.map(([error]) => error)];
  });
}

/** `lifeboat help TOPIC`. */
export const helpTopics: ReadonlyMap<string, string> = new Map([
  [
    "exit-codes",
    `Exit codes (3, 10, 11, 12 and 130 as in restic); a code that you do not know means failure.

${exitCodeRows()
  .map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`)
  .join("\n")}`,
  ],
  [
    "times",
    `A snapshot's address is ASSET@WHEN:PATH; parts may be left out.

  latest                        the newest
  9f3c1a22                      an id, or its first four digits or more
  2026-11-20                    the last one of that day
  "2026-11-20 14:00"            the state at that time
  3d  12h  2w                   the state three days, twelve hours, two weeks ago
  "before 2026-11-20 14:00"     the last one before that

  web1/uploads@3d:/srv/www      the folder as it was three days ago
  web1/uploads                  the newest snapshot of the asset
  latest:/etc                   of whatever the repository holds

Dates and times are those of company.timezone, without a configuration those of TZ. Times are shown with their zone.`,
  ],
  [
    "secrets",
    `A secret never stands in the configuration, only where it is found:

  { env: NAME }                 an environment variable
  { file: PATH }                a file that only its owner can read (mode 0600)
  { command: [program, ...] }   what a program prints; no shell, with a timeout
  { systemd: NAME }             a credential of the unit (LoadCredential=)

With bare hands: --password-file FILE, or LIFEBOAT_PASSWORD_FILE, RESTIC_PASSWORD_FILE in the environment.
S3 keys then come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws or the machine's role.
Secrets are never on a command line, in a log, in Redis or in a report.`,
  ],
  [
    "json",
    `--json answers on standard output: one object, or one object a line while work is running.

  {"message_type":"status", ...}      while it runs: percent_done, bytes_done, total_bytes, files_done, seconds_remaining
  {"message_type":"summary", ...}     at the end: result, exit_code, snapshot_id, figures
  {"message_type":"exit_error", ...}  on standard error when it fails: code (the exit code), error, message, hint

Field names are restic's where restic has them. Times are RFC 3339 with offset, sizes bytes, durations seconds.
Fields are added, never renamed or removed within a version; text may change at any time.`,
  ],
]);
