import { assetOfSnapshot, type Snapshot } from "@lifeboat/engine";
import { formatMoment } from "./format-time.ts";

/** The asset; host and paths for what another program wrote. */
export function sourceOfSnapshot(snapshot: Snapshot): string {
  return assetOfSnapshot(snapshot) ?? `${snapshot.hostname ?? "?"}:${snapshot.paths.join(",")}`;
}

/** "9f3c1a22  2026-11-21 09:14 CET  web1/uploads" */
export function describeSnapshot(snapshot: Snapshot, timezone: string): string {
  return `${snapshot.id.slice(0, 8)}  ${formatMoment(Date.parse(snapshot.time), timezone)}  ${sourceOfSnapshot(snapshot)}`;
}
