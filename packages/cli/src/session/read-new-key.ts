import { hostname } from "node:os";
import type { NewKey } from "@lifeboat/engine";
import { LifeboatError } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { readPasswordFile } from "./read-password-file.ts";
import type { Session } from "./session.ts";
import type { OpenedRepository } from "./with-chosen-repository.ts";

/** Of commands that make a key. */
export const newKeyOptions = [
  { flags: "--new-password-file <FILE>", description: "file with the new password" },
  { flags: "--user <USER>", description: "who has it, for 'key list' (default: your account)" },
  { flags: "--host <HOST>", description: "where it is used, for 'key list' (default: this machine)" },
] as const;

/** Asked for before the repository is opened: a mistake in it must not cost the time of a lock. Errors: `usage`, `secret-unresolved`. */
export async function readNewPassword(session: Session, values: OptionValues): Promise<string> {
  const file = values.text("new-password-file");
  if (file === undefined) {
    throw new LifeboatError("usage", "the new password is missing; nothing was changed", {
      hint: "Pass --new-password-file FILE.",
    });
  }
  const password = await readPasswordFile(session, file, "--new-password-file");
  session.mask.add(password);
  return password;
}

export function newKeyOf(password: string, values: OptionValues, { context }: OpenedRepository): NewKey {
  return {
    password,
    username: values.text("user") ?? context.owner.username,
    hostname: values.text("host") ?? hostname(),
    clock: context.clock,
  };
}
