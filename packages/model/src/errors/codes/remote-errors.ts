import type { ErrorRow } from "../error-row.ts";
import { exitCodes } from "../exit-codes.ts";

export const remoteErrors = {
  "host-unreachable": {
    exit: exitCodes.failed,
    retry: "later",
    meaning: "The host did not answer on its SSH port.",
    hint: "Check that it is up, then run 'lifeboat doctor'.",
  },
  "host-key-unknown": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The host's key is in no known_hosts file.",
    hint: "Compare the fingerprint on the host, then add the line shown to known_hosts.",
  },
  "host-key-changed": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The host's key is not the one that is known.",
    hint: "If the host was reinstalled, compare the fingerprint there and replace the line in known_hosts; else treat it as an attack.",
  },
  "ssh-config-invalid": {
    exit: exitCodes.usage,
    retry: "never",
    meaning: "An ssh_config file cannot be read, or asks for something that has no counterpart here.",
    hint: "Correct the line, or set the values in the configuration and ssh_config: false.",
  },
  "login-refused": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The host refused the login.",
    hint: "Check user and identity, and that the public key is in authorized_keys on the host.",
  },
  "connection-lost": {
    exit: exitCodes.failed,
    retry: "later",
    meaning: "The SSH connection broke.",
    hint: "Nothing was committed; the next run goes on from what is stored.",
  },
  "host-garbage": {
    exit: exitCodes.failed,
    retry: "never",
    meaning:
      "A program on the host answered with something that it cannot have meant: broken fields, endless output, foreign names.",
    hint: "Look at what find, tar and the account's shell print on the host; treat the host as suspect until it is explained.",
  },
  "command-missing": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "A program that is needed on the machine is not there.",
    hint: "Install the package that has it.",
  },
  "command-failed": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "A program on the machine ended with an error.",
    hint: "The message has its own last words.",
  },
  "sudo-refused": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "sudo on the host asks for a password or refuses the command.",
    hint: "Add the sudoers line for exactly this command, or set sudo: false.",
  },
  "source-missing": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "A path of the source does not exist on the host.",
    hint: "Correct the path in the policy, or the host.",
  },
  "dump-failed": {
    exit: exitCodes.failed,
    retry: "later",
    meaning: "A database dump ended with an error or without its end.",
    hint: "The message names the cause; the last good snapshot is kept.",
  },
  "database-login-refused": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The database refused the login.",
    hint: "Check user and password reference of the source.",
  },
  "target-not-empty": {
    exit: exitCodes.confirmation,
    retry: "never",
    meaning: "The restore target is not empty; nothing is overwritten unasked.",
    hint: "Choose a new folder, or say what happens to what stands there: --resume, or --overwrite never, if-changed or always.",
  },
  "target-failed": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The restore target could not be written.",
    hint: "The message has the reason; what was restored so far stays where it is.",
  },
  "target-full": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "There is no space left at the restore target.",
    hint: "Free space and restore again with --resume, or choose another target.",
  },
} as const satisfies Record<string, ErrorRow>;
