import { open } from "node:fs/promises";
import { join, resolve as resolvePath } from "node:path";
import { describeSecret, describeSystemError, LifeboatError, type SecretReference, type SecretResolver } from "@lifeboat/model";
import type { Environment } from "../environment/environment.ts";
import { runSecretCommand } from "./run-secret-command.ts";
import type { SecretMask } from "./secret-mask.ts";

const maxFileBytes = 64 * 1024;

export interface SecretResolverOptions {
  readonly environment: Environment;
  /** Relative `file:` references start here: the folder of the configuration. */
  readonly baseFolder: string;
  /** Every value found is added, so that the logger cannot print it. */
  readonly mask?: SecretMask;
}

/**
 * Finds values where the configuration says they are. One line end at the end is dropped (editors and `echo` add it).
 * Make one for each job: values are kept for its life only. Errors: `secret-unresolved`, never with the value.
 */
export function createSecretResolver(options: SecretResolverOptions): SecretResolver {
  const known = new Map<string, Promise<string>>();
  return {
    resolve(reference, what) {
      const key = JSON.stringify(reference);
      let value = known.get(key);
      if (value === undefined) {
        value = readSecret(reference, what, options);
        known.set(key, value);
        // a failure is not kept: the next try may find the file mended
        value.catch(() => known.delete(key));
      }
      return value;
    },
  };
}

async function readSecret(reference: SecretReference, what: string, options: SecretResolverOptions): Promise<string> {
  const text = await readRaw(reference, what, options);
  const value = text.replace(/\r?\n$/, "");
  if (value === "") {
    throw new LifeboatError("secret-unresolved", `${what}: ${describeSecret(reference)} is empty`);
  }
  options.mask?.add(value);
  return value;
}

async function readRaw(reference: SecretReference, what: string, options: SecretResolverOptions): Promise<string> {
  const { environment } = options;
  if ("env" in reference) {
    const value = environment[reference.env];
    if (value === undefined) {
      throw new LifeboatError("secret-unresolved", `${what}: environment variable ${reference.env} is not set`);
    }
    return value;
  }
  if ("file" in reference) return readSecretFile(resolvePath(options.baseFolder, reference.file), what, true);
  if ("command" in reference) {
    return runSecretCommand({ argv: reference.command, timeoutSeconds: reference.timeoutSeconds, what, environment });
  }
  const folder = environment.CREDENTIALS_DIRECTORY;
  if (folder === undefined) {
    throw new LifeboatError(
      "secret-unresolved",
      `${what}: systemd credential ${reference.systemd}: CREDENTIALS_DIRECTORY is not set`,
      {
        hint: "Start the program as a systemd unit with LoadCredential=, or use env, file or command.",
      },
    );
  }
  if (!/^[^/\0]{1,255}$/.test(reference.systemd) || reference.systemd.startsWith(".")) {
    throw new LifeboatError("secret-unresolved", `${what}: '${reference.systemd}' is not a systemd credential's name`);
  }
  // systemd guards this folder itself, with an ACL that shows as group bits
  return readSecretFile(join(folder, reference.systemd), what, false);
}

async function readSecretFile(path: string, what: string, guardMode: boolean): Promise<string> {
  try {
    // one handle for both, so that what was looked at is what is read
    await using file = await open(path, "r");
    const stat = await file.stat();
    const mode = stat.mode & 0o777;
    if (guardMode && (mode & 0o077) !== 0) {
      throw new LifeboatError("secret-unresolved", `${what}: file ${path} is open to others (mode 0${mode.toString(8)})`, {
        hint: `Run 'chmod 600 ${path}', and change the secret if others could have read it.`,
      });
    }
    const buffer = Buffer.alloc(maxFileBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead > maxFileBytes) {
      throw new LifeboatError("secret-unresolved", `${what}: file ${path} has more than ${maxFileBytes} bytes`);
    }
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    throw new LifeboatError("secret-unresolved", `${what}: file ${path} cannot be read: ${describeSystemError(error)}`);
  }
}
