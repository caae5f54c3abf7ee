import { describeSystemError, isLifeboatError, LifeboatError } from "@lifeboat/model";
import { missingObject, type ObjectPlace } from "../object-range.ts";

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What the file system said, as the store's error. `doing` is a verb in -ing form: "writing". */
export function localError(error: unknown, doing: string, place: ObjectPlace): unknown {
  const errno = errnoOf(error);
  if (isLifeboatError(error) || errno === undefined || errno === "ABORT_ERR") return error;
  const message = `${doing} ${place.name === "" ? "objects" : place.name} in ${place.url} failed: ${describeSystemError(error)}`;
  const options = { context: { object: place.name, store: place.url, errno } };
  switch (errno) {
    case "ENOENT":
      return missingObject(place);
    case "ENOTDIR":
      return new LifeboatError("store-failed", `${place.url} is no folder: a file stands there, or above it`, {
        ...options,
        retry: "never",
        hint: "Correct the repository's path: a repository is a folder.",
      });
    case "ENOSPC":
    case "EDQUOT":
      return new LifeboatError("store-full", message, options);
    case "EROFS":
      return new LifeboatError("store-refused", message, {
        ...options,
        hint: "Mount the file system for writing; what only reads works as it is: restore, snapshots, ls, 'repo check --no-lock', 'copy --no-lock'.",
      });
    case "EACCES":
    case "EPERM":
      return new LifeboatError("store-refused", message, {
        ...options,
        hint: "Check the owner and the rights of the repository's folder.",
      });
    // A network file system comes back; a path that is a file where a folder should be does not.
    case "EIO":
    case "ESTALE":
    case "ETIMEDOUT":
    case "EMFILE":
    case "ENFILE":
    case "EBUSY":
    case "EAGAIN":
      return new LifeboatError("store-failed", message, { ...options, retry: "later" });
    default:
      return new LifeboatError("store-failed", message, { ...options, retry: "never" });
  }
}
