import type { CompiledHost } from "@lifeboat/model";
import { isLifeboatError, LifeboatError } from "@lifeboat/model";
import { fingerprintOf } from "./host-key-digest.ts";
import type { KnownKey } from "./known-hosts.ts";
import type { SshEndpoint } from "./resolve-endpoint.ts";

export interface HostKeyRules {
  readonly host: Pick<SshEndpoint, "name" | "address" | "port"> & Pick<CompiledHost, "hostKey">;
  /** The name under which known_hosts files list it. */
  readonly knownName: string;
  readonly known: readonly KnownKey[];
  /** The files that were read, for messages. */
  readonly files: readonly string[];
}

/** Strict: returns for a key that is known, throws `host-key-unknown` or `host-key-changed` for any other. Never learns. */
export async function checkHostKey(key: Buffer, rules: HostKeyRules): Promise<void> {
  const { host } = rules;
  const type = typeOfKey(key);
  const got = await fingerprintOf(key);
  const context = { host: host.name, address: host.address, port: host.port, type, fingerprint: got };
  const same = rules.known.filter((known) => known.key.equals(key));
  const revoked = same.find((known) => known.revoked);
  if (revoked !== undefined) {
    throw new LifeboatError(
      "host-key-changed",
      `the ${type} key ${got} of ${host.name} is marked as revoked in ${revoked.place}`,
      {
        hint: "The host shows a key that must not be trusted any more: treat it as an attack until the host's admin says otherwise.",
        context,
      },
    );
  }
  if (host.hostKey !== undefined) {
    if (normalizeFingerprint(host.hostKey) === got) return;
    throw new LifeboatError(
      "host-key-changed",
      `${host.name} (${host.address}:${host.port}) shows ${type} key ${got}, pinned is ${host.hostKey}`,
      {
        hint: "If the host was reinstalled, compare the fingerprint there and correct host_key; else treat it as an attack.",
        context: { ...context, pinned: host.hostKey },
      },
    );
  }
  if (same.length > 0) return;
  const others = rules.known.filter((known) => !known.revoked);
  const rival = others.find((known) => known.type === type) ?? others[0];
  if (rival !== undefined) {
    const expected = await fingerprintOf(rival.key);
    throw new LifeboatError(
      "host-key-changed",
      `${host.name} (${host.address}:${host.port}) shows ${type} key ${got}, known is ${rival.type} key ${expected} (${rival.place})`,
      { context: { ...context, expected, place: rival.place } },
    );
  }
  const line = `${rules.knownName} ${type} ${key.toString("base64")}`;
  const files = rules.files.join(" or ");
  throw new LifeboatError(
    "host-key-unknown",
    `the ${type} key ${got} of ${host.name} (${host.address}:${host.port}) is not in ${files}`,
    {
      hint: `Compare the fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then add this line to ${rules.files[0] ?? "known_hosts"}: ${line}`,
      context: { ...context, known_hosts_line: line, known_hosts_file: rules.files[0] ?? null },
    },
  );
}

/** Types in the order in which the host shall offer its keys: those that are known first, as OpenSSH asks for them. */
export function preferredKeyTypes(known: readonly KnownKey[], supported: readonly string[]): string[] {
  const types = new Set(known.filter((key) => !key.revoked).map((key) => key.type));
  const isKnown = (algorithm: string) => types.has(keyTypeFor(algorithm));
  return [...supported.filter(isKnown), ...supported.filter((algorithm) => !isKnown(algorithm))];
}

/** The type of the key that an algorithm signs with. */
export function keyTypeFor(algorithm: string): string {
  return algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm;
}

/** The type of the key that was shown, when it was only not the one that is pinned: the host may have that one too. */
export function typeBesidePin(error: unknown): string | undefined {
  if (!isLifeboatError(error) || error.code !== "host-key-changed" || error.context?.pinned === undefined) return undefined;
  return String(error.context.type);
}

function typeOfKey(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return length > 0 && length <= 64 && key.length >= 4 + length ? key.toString("latin1", 4, 4 + length) : "unreadable";
}

function normalizeFingerprint(fingerprint: string): string {
  return fingerprint.trim().replace(/=+$/, "");
}
