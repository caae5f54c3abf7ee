import { sha256Stream } from "@lifeboat/engine";
import type { FileEntry, FileHash, FileSource } from "@lifeboat/model";

const zeros = new Uint8Array(64 * 1024);

/** For a way of reading that cannot hash where the files are: their content comes here. In the order of `entries`. */
export async function hashByReading(
  source: FileSource,
  entries: readonly FileEntry[],
  { signal }: { readonly signal: AbortSignal },
): Promise<FileHash[]> {
  const hashes: (string | undefined)[] = entries.map(() => undefined);
  const verdicts: FileHash[] = entries.map(() => ({ state: "unreadable", detail: "nothing came of it" }));
  let hash = sha256Stream();
  for await (const events of source.read(entries, { signal })) {
    for (const event of events) {
      if (event.kind === "start") hash = sha256Stream();
      else if (event.kind === "data") hash.update(event.bytes);
      else if (event.kind === "hole") {
        for (let left = event.length; left > 0; left -= zeros.length)
          hash.update(zeros.subarray(0, Math.min(left, zeros.length)));
      } else if (event.kind === "end") hashes[event.index] = hash.digest("hex");
      else if (event.kind === "verdict") verdicts[event.index] = hashOf(event.verdict, event.detail, hashes[event.index]);
    }
  }
  return verdicts;
}

function hashOf(
  verdict: "same" | "changed" | "vanished" | "unreadable",
  detail: string | undefined,
  sha256: string | undefined,
): FileHash {
  if (verdict === "changed" || verdict === "vanished") return { state: "changed" };
  if (verdict === "same" && sha256 !== undefined) return { state: "hashed", sha256 };
  return { state: "unreadable", detail: detail ?? "it could not be read" };
}
