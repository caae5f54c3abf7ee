import type { CompiledAsset, FileSource, Machine } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/** The files of an asset on its machine, by the way that its host wants. The asset is one of files. */
export async function openFiles(context: JobContext, machine: Machine, asset: CompiledAsset): Promise<FileSource> {
  if (asset.source.type !== "files") throw new TypeError(`${asset.name} is no source of files`);
  const { createHostSource } = await import("@lifeboat/remote");
  const host = context.config?.hosts.get(asset.host);
  const { sudo = false, transfer = "auto", rangeHashesFromBytes: rangesFromBytes } = host ?? {};
  const name = `${asset.source.name} on ${asset.host}`;
  return createHostSource(machine, { transfer, clock: context.clock }, { ...asset.source, name, sudo, rangesFromBytes });
}
