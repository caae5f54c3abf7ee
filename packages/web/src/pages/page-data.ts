import type { Catalog } from "@lifeboat/catalog";
import type { CompiledConfig, Protection } from "@lifeboat/model";
import type { PageTime } from "../view/time-text.ts";
import type { RecentFigures } from "./recent-figures.ts";

/** What every page is made from. `protection` is at most a second old, `recent` at most a minute. */
export interface PageData {
  readonly catalog: Catalog;
  readonly config: CompiledConfig;
  readonly time: PageTime;
  readonly protection: Protection;
  readonly recent: () => Promise<RecentFigures>;
}
