import { isId } from "./object-names.ts";

/** The repository's config: sealed plain JSON, the one object that never changes. */
export interface RepositoryConfig {
  readonly version: 1 | 2;
  readonly id: string;
  /** Hex, lower case. */
  readonly chunkerPolynomial: string;
}

export function encodeConfig(config: RepositoryConfig): Buffer {
  return Buffer.from(JSON.stringify({ version: config.version, id: config.id, chunker_polynomial: config.chunkerPolynomial }));
}

/** Throws an Error with the reason. */
export function decodeConfig(plain: Uint8Array): RepositoryConfig {
  const raw = JSON.parse(Buffer.from(plain).toString("utf8")) as Record<string, unknown>;
  const { version, id, chunker_polynomial: polynomial } = raw;
  if (version !== 1 && version !== 2) throw new Error(`unknown version ${String(version)}`);
  if (typeof id !== "string" || !isId(id)) throw new Error("bad id");
  if (typeof polynomial !== "string" || !/^[0-9a-f]{14}$/.test(polynomial)) throw new Error("bad chunker polynomial");
  return { version, id, chunkerPolynomial: polynomial };
}
