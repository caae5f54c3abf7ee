import type { ErrorRow } from "../error-row.ts";
import { exitCodes } from "../exit-codes.ts";

export const repositoryErrors = {
  "repository-missing": {
    exit: exitCodes.noRepository,
    retry: "never",
    meaning: "There is no repository at this place.",
    hint: "Check the URL, or create one with 'lifeboat repo init'.",
  },
  "repository-exists": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "There is a repository at this place already.",
    hint: "Use it as it is, or choose another URL.",
  },
  "repository-locked": {
    exit: exitCodes.locked,
    retry: "later",
    meaning: "Another program holds a lock that forbids this.",
    hint: "Wait for it, or run 'lifeboat repo unlock' when it is known to be dead.",
  },
  "lock-lost": {
    exit: exitCodes.locked,
    retry: "later",
    meaning: "The lock could not be renewed in time or was removed while the job ran, so nothing was committed.",
    hint: "Run it again; what was stored so far is used.",
  },
  "wrong-password": {
    exit: exitCodes.wrongPassword,
    retry: "never",
    meaning: "No key of the repository opens with this password.",
    hint: "Check the password reference; another key's password opens the repository as well.",
  },
  "key-not-found": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The repository has no key with this id.",
    hint: "List the keys with 'lifeboat key list'.",
  },
  "repository-damaged": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "An object of the repository is missing, truncated or fails its hash.",
    hint: "Run 'lifeboat repo check --read-data'; do not prune before the damage is understood.",
  },
  "repository-unsupported": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The repository uses a format version or feature that Lifeboat does not know.",
    hint: "Use a version of Lifeboat or restic that knows it.",
  },
  "snapshot-not-found": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "No snapshot fits this address.",
    hint: "List what there is with 'lifeboat snapshots'.",
  },
  "snapshot-pinned": {
    exit: exitCodes.notAllowed,
    retry: "never",
    meaning: "The snapshot is pinned, so nothing forgets it.",
    hint: "Unpin it first with 'lifeboat snapshots unpin ID'.",
  },
  "path-not-found": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The snapshot holds no such path.",
    hint: "Look inside with 'lifeboat ls SNAPSHOT'.",
  },
  "store-unreachable": {
    exit: exitCodes.failed,
    retry: "later",
    meaning: "The object store did not answer.",
    hint: "Check the endpoint and the network, then try again.",
  },
  "store-refused": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The object store refused the credentials or the operation.",
    hint: "Check the credentials and the bucket's policy.",
  },
  "store-bucket-missing": {
    exit: exitCodes.noRepository,
    retry: "never",
    meaning: "The bucket does not exist.",
    hint: "Create the bucket, or correct the repository's URL.",
  },
  "store-failed": {
    exit: exitCodes.failed,
    retry: "later",
    meaning: "The object store answered with an error.",
    hint: "Try again; the message has the store's own words.",
  },
  "store-full": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "There is no space left where the repository lies.",
    hint: "Free space there, then run the same command again: nothing stored so far is lost.",
  },
  "object-missing": {
    exit: exitCodes.failed,
    retry: "never",
    meaning: "The object store holds no object of this name.",
    hint: "Run 'lifeboat repo check' to see what is missing; 'lifeboat repo repair index' and then a new backup store anew what is still on the hosts.",
  },
} as const satisfies Record<string, ErrorRow>;
