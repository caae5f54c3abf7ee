import { hashHostName } from "./host-key-digest.ts";
import { matchesPatternList } from "./match-pattern.ts";

/** One key that a known_hosts file tells about a host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownKey {
  /** "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256" ... */
  readonly type: string;
  /** The key's wire form. */
  readonly key: Buffer;
  readonly revoked: boolean;
  /** "FILE:LINE". */
  readonly place: string;
}

const maxLines = 200_000;

/** The name under which known_hosts files list a host. */
export function knownHostName(address: string, port: number): string {
  const name = address.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/**
 * Keys for one host, by the name that `knownHostName` gives or a HostKeyAlias. Lines of certificate authorities are left out, because host certificates are not spoken; lines that
 * cannot be read are passed over, as OpenSSH does.
 */
export async function findKnownKeys(text: string, file: string, wanted: string): Promise<KnownKey[]> {
  const found: KnownKey[] = [];
  const lines = text.split("\n");
  for (const [at, line] of lines.slice(0, maxLines).entries()) {
    const fields = line.trim().split(/[ \t]+/);
    if (fields[0] === undefined || fields[0] === "" || fields[0].startsWith("#")) continue;
    const marker = fields[0].startsWith("@") ? fields.shift() : undefined;
    if (marker !== undefined && marker !== "@revoked") continue;
    const [names, type, base64] = fields;
    if (names === undefined || type === undefined || base64 === undefined) continue;
    if (!(await matches(names, wanted))) continue;
    const key = Buffer.from(base64, "base64");
    if (key.length > 0) found.push({ type, key, revoked: marker === "@revoked", place: `${file}:${at + 1}` });
  }
  return found;
}

async function matches(names: string, wanted: string): Promise<boolean> {
  const hashed = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names);
  if (hashed !== null) return (await hashHostName(wanted, hashed[1] ?? "")) === hashed[2];
  return matchesPatternList(names.toLowerCase().split(","), wanted);
}
