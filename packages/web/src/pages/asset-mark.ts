import type { AssetProtection, Protection } from "@lifeboat/model";
import type { Html } from "../html/html.ts";
import { mark } from "../view/marks.ts";

/** While the scheduler is silent nothing is green: what was well is only what was last known. */
export function assetMark(asset: AssetProtection, { scheduler }: Protection): Html {
  if (scheduler.state === "silent" && asset.level === "good") return mark("unknown", `${asset.state} when last known`);
  return mark(asset.level, asset.state);
}
