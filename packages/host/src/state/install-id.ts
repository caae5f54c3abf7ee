import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LifeboatError, messageOf } from "@lifeboat/model";
import type { Random } from "../random/random.ts";

const pattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The uuid of this installation, made once and kept in the state folder. Locks in repositories carry it as host name
 * `lifeboat-<uuid>`: only then may a later command remove its own dead ones.
 */
export function readInstallId(stateFolder: string, random: Random): string {
  const path = join(stateFolder, "install-id");
  const existing = readId(path);
  if (existing !== undefined) return existing;
  const draft = `${path}.${random.token(8)}`;
  try {
    writeFileSync(draft, `${random.uuid()}\n`, { mode: 0o600, flush: true });
    // link refuses to replace: of two commands started at the same moment one wins and both use its id
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw failed(path, error);
  } finally {
    rmSync(draft, { force: true });
  }
  const id = readId(path);
  if (id === undefined) throw failed(path, new Error("it is gone again"));
  return id;
}

function readId(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failed(path, error);
  }
  if (!pattern.test(text)) {
    throw new LifeboatError("state-folder-failed", `install id in ${path} is not a uuid`, {
      hint: `Remove ${path}; a new one is made (locks of killed commands then last 30 minutes).`,
    });
  }
  return text;
}

function failed(path: string, error: unknown): LifeboatError {
  return new LifeboatError("state-folder-failed", `install id ${path} cannot be kept (${messageOf(error)})`, { cause: error });
}
