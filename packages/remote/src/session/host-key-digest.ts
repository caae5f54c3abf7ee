/**
 * The two digests that OpenSSH's own formats need (a fingerprint, a hashed host name), by the runtime's Web Crypto. They
 * protect no data of Lifeboat; cryptography for data lives in the engine alone.
 */
const subtle = globalThis.crypto.subtle;

/** "SHA256:..." as ssh-keygen -l prints it, over the key's wire form. */
export async function fingerprintOf(key: Uint8Array): Promise<string> {
  const digest = await subtle.digest("SHA-256", Uint8Array.from(key));
  return `SHA256:${Buffer.from(digest).toString("base64").replace(/=+$/, "")}`;
}

/** HMAC-SHA1 of a host's name, base64: the third part of "|1|salt|hash" (OpenSSH, hostfile.c). */
export async function hashHostName(name: string, saltBase64: string): Promise<string> {
  const salt = Uint8Array.from(Buffer.from(saltBase64, "base64"));
  const key = await subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  return Buffer.from(await subtle.sign("HMAC", key, Buffer.from(name, "utf8"))).toString("base64");
}
