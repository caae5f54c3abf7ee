import { resolve } from "node:path";
import { LifeboatError } from "@lifeboat/model";
import { describeS3Address, type S3Address } from "./s3/s3-address.ts";

export type RepositoryPlace =
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "s3"; readonly address: S3Address };

/**
 * Reads a URL as restic spells it: `/srv/repo`, `local:/srv/repo`, `s3:http://host:port/bucket/prefix`,
 * `s3:https://host/bucket`, `s3:host/bucket` and `s3://host/bucket` (both over TLS). A relative path is taken from the
 * working folder. Errors: `usage`; the message shows no secret.
 */
export function parseRepositoryUrl(url: string): RepositoryPlace {
  if (url.startsWith("s3:")) return { kind: "s3", address: parseS3(url) };
  const path = url.startsWith("local:") ? url.slice("local:".length) : url;
  if (path === "" || path.includes("\0")) throw unusable(url, "it names no folder");
  if (path === url && /^[a-z][a-z0-9+]+:/i.test(url)) throw unusable(url, "Lifeboat has no store of this kind");
  return { kind: "local", path: resolve(path) };
}

/** The URL for people and logs: a secret that somebody wrote into it does not show. */
export function describeUrl(url: string): string {
  try {
    const place = parseRepositoryUrl(url);
    return place.kind === "local" ? place.path : describeS3Address(place.address);
  } catch {
    return hideSecrets(url);
  }
}

function parseS3(url: string): S3Address {
  const rest = url.slice("s3:".length).replace(/^\/\//, "");
  let parsed: URL;
  try {
    parsed = new URL(/^https?:\/\//i.test(rest) ? rest : `https://${rest}`);
  } catch {
    throw unusable(url, "it has no host");
  }
  if (parsed.username !== "" || parsed.password !== "") throw unusable(url, "keys do not belong in a URL: use 'credentials'");
  if (parsed.search !== "" || parsed.hash !== "") throw unusable(url, "a '?' or '#' has no meaning in it");
  const [bucket = "", ...prefix] = decodePath(url, parsed.pathname)
    .split("/")
    .filter((segment) => segment !== "");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(bucket)) throw unusable(url, `"${bucket}" is no bucket's name`);
  if (prefix.some((segment) => segment === "." || segment === "..")) throw unusable(url, "its prefix has '..' in it");
  return { endpoint: parsed.origin, bucket, prefix: prefix.join("/") };
}

function decodePath(url: string, path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw unusable(url, "its path is not well encoded");
  }
}

function unusable(url: string, why: string): LifeboatError {
  return new LifeboatError("usage", `repository URL "${hideSecrets(url)}" cannot be used: ${why}`, {
    hint: "Write /srv/repo for a folder or s3:https://host/bucket/prefix for S3.",
  });
}

function hideSecrets(url: string): string {
  return url
    .replace(/(^|\/\/|:)[^/@\s]*@/g, "$1***@")
    .replace(/[?#].*$/s, "")
    .slice(0, 300);
}
