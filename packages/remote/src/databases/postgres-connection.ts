import { LifeboatError } from "@lifeboat/model";

/** How programs of PostgreSQL reach a server. */
export interface PostgresAddress {
  readonly database: string;
  readonly user?: string | undefined;
  /** Address, or folder of the Unix socket. */
  readonly server?: string | undefined;
  readonly port?: number | undefined;
}

const connectTimeoutSeconds = 15;

/** The value of --dbname: psql, pg_dump and pg_restore all expand a connection string there. Holds no password. */
export function connectionString(address: PostgresAddress): string {
  const quote = (value: string) => `'${value.replace(/['\\]/g, "\\$&")}'`;
  const words = [`dbname=${quote(address.database)}`];
  if (address.server !== undefined) words.push(`host=${quote(address.server)}`);
  if (address.port !== undefined) words.push(`port=${quote(`${address.port}`)}`);
  if (address.user !== undefined) words.push(`user=${quote(address.user)}`);
  words.push(`connect_timeout=${quote(`${connectTimeoutSeconds}`)}`, "application_name='lifeboat'");
  return words.join(" ");
}

/** What a client program's last words mean. */
export function postgresFailure(program: string, place: string, status: number | null, stderr: string): LifeboatError {
  const words = stderr.trim().slice(0, 800) || "without a word";
  const context = { program, status };
  if (/^sudo: /m.test(stderr))
    return new LifeboatError("sudo-refused", `sudo refused ${program} for ${place}: ${words}`, { context });
  if (status === 127) return new LifeboatError("command-missing", `${program} is not there for ${place}`, { context });
  const refused =
    /authentication failed|no password supplied|no pg_hba\.conf entry|role ".*" does not exist|is not permitted to log in|password is required/i;
  if (refused.test(stderr))
    return new LifeboatError("database-login-refused", `${place} refused the login: ${words}`, { context });
  const ending = status === null ? "was stopped" : `ended with status ${status}`;
  const retry = /does not exist|permission denied|version mismatch|must be/i.test(stderr) ? "never" : "later";
  return new LifeboatError("dump-failed", `${program} for ${place} ${ending}: ${words}`, { context, retry });
}
