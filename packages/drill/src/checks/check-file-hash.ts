import { type ByteString, type CompiledDrillCheck, displayName, fromBytes, type Machine, toBytes } from "@lifeboat/model";
import { lastWords, runCommand } from "../machine/run-command.ts";
import type { SampledFile } from "../ports.ts";
import { type CheckOutcome, failed, inconclusive, passed } from "./check-outcome.ts";

export type FileHashCheck = Extract<CompiledDrillCheck, { type: "file_hash" }>;

/** Compares the restored files with the hashes of what the repository holds. */
export async function checkFileHash(
  sample: readonly SampledFile[],
  machine: Machine,
  folder: string,
  signal: AbortSignal,
): Promise<CheckOutcome> {
  if (sample.length === 0) return inconclusive("equal hashes", "the sample holds no file");
  const wanted = `${sample.length} of ${sample.length} equal`;
  const names = sample.map((file) => relativePath(file.path));
  const result = await runCommand(machine, ["xargs", "-0", "-r", "sha256sum", "-z", "-b", "--"], {
    signal,
    cwd: folder,
    input: nulSeparated(names),
    maxOutputBytes: names.reduce((bytes, name) => bytes + name.length + 80, 1024),
  });
  // xargs: 123 = sha256sum could not read some file, which the comparison below finds; above that nothing was hashed.
  if (result.exit.status !== 0 && result.exit.status !== 123) {
    return inconclusive(wanted, `sha256sum on ${machine.name}: ${lastWords(result)}`);
  }
  const hashes = new Map<string, string>();
  for (const line of fromBytes(result.stdout).split("\0")) {
    const match = /^([0-9a-f]{64}) [ *](.+)$/s.exec(line);
    if (match !== null) hashes.set(match[2]!, match[1]!);
  }
  const wrong = sample.filter((file) => hashes.get(relativePath(file.path)) !== file.sha256);
  const found = `${sample.length - wrong.length} of ${sample.length} equal`;
  const [first] = wrong;
  if (first === undefined) return passed(wanted, found);
  const state = hashes.has(relativePath(first.path)) ? "is not what the snapshot holds" : "is missing or unreadable";
  const others = wrong.length > 1 ? `, and ${wrong.length - 1} more` : "";
  return failed(wanted, found, `${displayName(first.path)} ${state}${others}`);
}

/** "/srv/a" -> "./srv/a": a name that no program takes for an option. */
export function relativePath(path: ByteString): ByteString {
  return `.${path}` as ByteString;
}

export function nulSeparated(names: readonly ByteString[]): Uint8Array {
  return toBytes(names.map((name) => `${name}\0`).join("") as ByteString);
}
