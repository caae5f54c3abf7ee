import type { CompiledHost, CompiledSource } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";
import { readPublicKeyLine } from "../session/login-keys.ts";
import { resolveEndpoint } from "../session/resolve-endpoint.ts";
import { createCheckingScript } from "./create-checking-script.ts";

/** What an admin puts on a host, so that the key of Lifeboat can read the sources there and nothing else. */
export interface HostSetup {
  /** The account that logs in. */
  readonly user: string;
  /** Where the script belongs: owned by root, mode 755. */
  readonly scriptPath: string;
  readonly script: string;
  /** The line for authorized_keys of `user`. */
  readonly authorizedKeys: string;
  readonly sudoersPath: string;
  /** The line for sudoers; undefined where sudo is not used. */
  readonly sudoers: string | undefined;
  /** What the key can still do, one sentence each. */
  readonly limits: readonly string[];
}

const scriptPath = "/usr/local/sbin/lifeboat-pull";
const sudoersPath = "/etc/sudoers.d/lifeboat";

/** Reads the public key, connects to nothing. Errors: `usage` where no public key can be read, `ssh-config-invalid`. */
export async function createHostSetup(
  host: CompiledHost,
  sources: readonly CompiledSource[],
  options: { readonly homeFolder?: string | undefined; readonly scriptPath?: string },
): Promise<HostSetup> {
  const path = options.scriptPath ?? scriptPath;
  const endpoint = await resolveEndpoint(host, options);
  const key = await readPublicKeyLine(endpoint, options);
  if (key === undefined) {
    throw new LifeboatError("usage", `no public key can be read for ${host.name}`, {
      hint: `Set identity: for host ${host.name} to the path of its key; a .pub file beside it is enough.`,
      context: { host: host.name },
    });
  }
  const sudo = host.sudo && endpoint.user !== "root";
  return {
    user: endpoint.user,
    scriptPath: path,
    script: createCheckingScript({ sources, sudo: host.sudo, path }),
    authorizedKeys: `restrict,command="${path}" ${key} lifeboat`,
    sudoersPath,
    sudoers: sudo ? `${endpoint.user} ALL=(root) NOPASSWD: ${path}` : undefined,
    limits: limitsOf(sources),
  };
}

function limitsOf(sources: readonly CompiledSource[]): string[] {
  const limits: string[] = [];
  const paths = sources.flatMap((source) => (source.type === "files" ? source.paths : []));
  if (paths.length > 0) {
    limits.push(
      `The key reads everything below ${paths.map(displayName).join(", ")}, also what the backup leaves out.`,
      "Names are checked before they are read: who may write below these paths on the host can swap a folder for a symbolic link in between, or make a hard link, and have another file read. Who has the key as well chooses that moment: to them, with sudo, every file of the host is open.",
      "The key also reads the attributes of the folders above these paths, the names of accounts and groups (getent), the clock, and versions of programs.",
    );
  }
  const databases = sources.flatMap((source) =>
    source.type === "postgresql" ? [`PostgreSQL ${source.database}`] : source.type === "sqlite" ? [displayName(source.path)] : [],
  );
  if (databases.length > 0) {
    limits.push(`The key reads all of ${databases.join(", ")} with the rights of its role: give it a role that only reads.`);
    if (sources.some(({ type }) => type === "sqlite")) {
      limits.push(
        "Reading an SQLite database in WAL mode makes its -wal and -shm files beside it where they are missing, as every reader does.",
      );
    }
    limits.push("Tables whose name holds a line break cannot be counted through the script.");
  }
  limits.push(
    "The key can keep the host busy with reading, and end what it has started itself: it has no limit of its own for time or load.",
  );
  limits.push("It cannot write: to restore to this host, use another key or another account.");
  limits.push("The script knows the sources of today: print and install it again after paths or databases were added.");
  return limits;
}
