import {
  defaultScryptCost,
  deriveKey,
  isAcceptableCost,
  randomBytes,
  type ScryptCost,
  Sealer,
  type SealKey,
} from "../crypto/index.ts";

export interface KeyFileOrigin {
  readonly created: string;
  readonly username: string;
  readonly hostname: string;
}

/** A fresh master key: the one secret of a repository; it cannot be changed later. */
export function createMasterKey(): SealKey {
  return { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** The plain JSON file that wraps the master key with a password (repository-format 1.3). */
export async function encodeKeyFile(
  masterKey: SealKey,
  password: string,
  origin: KeyFileOrigin,
  cost: ScryptCost = defaultScryptCost,
): Promise<Buffer> {
  const salt = randomBytes(64);
  const master = { mac: { k: base64(masterKey.macK), r: base64(masterKey.macR) }, encrypt: base64(masterKey.encrypt) };
  const data = new Sealer(await deriveKey(password, salt, cost)).seal(Buffer.from(JSON.stringify(master)));
  return Buffer.from(JSON.stringify({ ...origin, kdf: "scrypt", ...cost, salt: base64(salt), data: base64(data) }));
}

/** Who made a key file and when, without opening it. Throws an Error with the reason when the file is damaged. */
export function decodeKeyOrigin(file: Uint8Array): KeyFileOrigin {
  const raw = JSON.parse(Buffer.from(file).toString("utf8")) as Record<string, unknown> | null;
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  if (typeof raw !== "object" || raw === null) throw new Error("it is no object");
  return { created: text(raw.created), username: text(raw.username), hostname: text(raw.hostname) };
}

/** Throws TagMismatch when the password is not this key's, an Error with the reason when the file is damaged. */
export async function openKeyFile(file: Uint8Array, password: string): Promise<SealKey> {
  const raw = JSON.parse(Buffer.from(file).toString("utf8")) as Record<string, unknown> | null;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new Error("it is no object");
  if (raw.kdf !== "scrypt") throw new Error(`unknown key derivation ${JSON.stringify(raw.kdf)?.slice(0, 100)}`);
  const cost = { N: Number(raw.N), r: Number(raw.r), p: Number(raw.p) };
  if (!isAcceptableCost(cost)) throw new Error(`scrypt cost N=${cost.N} r=${cost.r} p=${cost.p} is out of bounds`);
  const salt = Buffer.from(String(raw.salt), "base64");
  if (salt.length !== 64) throw new Error(`salt of ${salt.length} bytes, wanted 64`);
  const plain = new Sealer(await deriveKey(password, salt, cost)).open(Buffer.from(String(raw.data), "base64"));
  const master = JSON.parse(plain.toString("utf8")) as { mac: { k: string; r: string }; encrypt: string };
  const bytes = (text: unknown, length: number) => {
    const value = Buffer.from(String(text), "base64");
    if (value.length !== length || value.every((byte) => byte === 0)) throw new Error("bad master key");
    return value;
  };
  return { encrypt: bytes(master.encrypt, 32), macK: bytes(master.mac.k, 16), macR: bytes(master.mac.r, 16) };
}
