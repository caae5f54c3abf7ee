import { type CompiledAsset, type CompiledPolicy, LifeboatError } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

export function findAsset(context: JobContext, name: string): { readonly asset: CompiledAsset; readonly policy: CompiledPolicy } {
  const asset = context.config?.assets.get(name);
  const policy = asset === undefined ? undefined : context.config?.policies.get(asset.policy);
  if (asset === undefined || policy === undefined) {
    const known = [...(context.config?.assets.keys() ?? [])].slice(0, 20).join(", ") || "none";
    throw new LifeboatError("asset-unknown", `there is no asset "${name}" in the configuration (known: ${known})`);
  }
  return { asset, policy };
}

/** Tag that ties a snapshot to its asset, whatever its paths are called. */
export function assetTag(asset: string): string {
  return `asset=${asset}`;
}

export function runTag(runId: string): string {
  return `run=${runId}`;
}
