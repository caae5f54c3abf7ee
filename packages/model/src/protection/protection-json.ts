import type { AssetProtection, JudgedAge, Protection } from "./protection.ts";

/** The verdict as data, one form for `status --json` and the page; the field names are a contract. Ages in seconds. */
export interface ProtectionJson {
  readonly schema: "lifeboat.status/1";
  readonly as_of: string;
  readonly level: Protection["level"];
  readonly verdict: string;
  readonly scheduler: { readonly state: Protection["scheduler"]["state"]; readonly last_beat: string | null };
  readonly counts: Readonly<
    Record<"assets" | "within_rpo" | "second_site" | "checked" | "proven", Protection["counts"]["assets"]>
  >;
  readonly assets: readonly AssetJson[];
}

export interface AssetJson {
  readonly asset: string;
  readonly policy: string;
  readonly owner: string | null;
  readonly level: AssetProtection["level"];
  readonly state: AssetProtection["state"];
  readonly why: string;
  readonly next: string | null;
  readonly last_good: { readonly repository: string; readonly snapshot: string; readonly time: string } | null;
  readonly rpo: AgeJson;
  readonly second_site: AgeJson;
  readonly check: AgeJson;
  readonly proof: AgeJson & { readonly drill: string | null; readonly run: string | null; readonly rta_s: number | null };
  readonly last_backup: { readonly run: string; readonly result: string; readonly cause: string | null } | null;
  readonly open: boolean;
}

export interface AgeJson {
  readonly verdict: JudgedAge["verdict"];
  readonly age_s: number | null;
  readonly objective_s: number | null;
}

export function protectionJson(protection: Protection): ProtectionJson {
  const { counts, scheduler } = protection;
  return {
    schema: "lifeboat.status/1",
    as_of: new Date(protection.nowMs).toISOString(),
    level: protection.level,
    verdict: protection.sentence,
    scheduler: {
      state: scheduler.state,
      last_beat: scheduler.lastBeatMs === null ? null : new Date(scheduler.lastBeatMs).toISOString(),
    },
    counts: {
      assets: counts.assets,
      within_rpo: counts.withinRpo,
      second_site: counts.secondSite,
      checked: counts.checked,
      proven: counts.proven,
    },
    assets: protection.assets.map(assetJson),
  };
}

function assetJson(asset: AssetProtection): AssetJson {
  const { lastGood, lastBackup, proof } = asset;
  return {
    asset: asset.asset,
    policy: asset.policy,
    owner: asset.owner ?? null,
    level: asset.level,
    state: asset.state,
    why: asset.why,
    next: asset.next ?? null,
    last_good:
      lastGood === undefined
        ? null
        : { repository: lastGood.repository, snapshot: lastGood.snapshot, time: new Date(lastGood.timeMs).toISOString() },
    rpo: ageJson(asset.rpo),
    second_site: ageJson(asset.secondSite),
    check: ageJson(asset.check),
    proof: {
      ...ageJson(proof),
      drill: proof.last?.drill ?? null,
      run: proof.last?.runId ?? null,
      rta_s: proof.last?.rtaSeconds ?? null,
    },
    last_backup: lastBackup === undefined ? null : { run: lastBackup.id, result: lastBackup.result, cause: lastBackup.cause },
    open: asset.isOpen,
  };
}

function ageJson({ verdict, ageSeconds, objectiveSeconds }: JudgedAge): AgeJson {
  return { verdict, age_s: ageSeconds ?? null, objective_s: objectiveSeconds ?? null };
}
