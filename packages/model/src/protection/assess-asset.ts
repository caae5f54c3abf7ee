import type { CompiledAsset, CompiledPolicy } from "../config/compiled-config.ts";
import { formatDuration } from "../config/units.ts";
import type { RunRecord } from "../run/run.ts";
import { isFromFuture, judgeAge } from "./judge-age.ts";
import {
  type AssetProtection,
  type GoodCopy,
  type JudgedAge,
  type ProtectionLevel,
  type ProtectionState,
  protectionLevels,
  type RestoreProof,
} from "./protection.ts";
import type { RepositoryState } from "./repository-state.ts";

export interface AssetFacts {
  readonly nowMs: number;
  readonly asset: CompiledAsset;
  readonly policy: CompiledPolicy;
  readonly copies: readonly GoodCopy[];
  readonly proofs: readonly RestoreProof[];
  readonly lastBackup: RunRecord | undefined;
  readonly repositories: ReadonlyMap<string, RepositoryState>;
  /** Drills that restore this asset. */
  readonly drills: readonly string[];
  readonly isOpen: boolean;
  readonly unread: ReadonlyMap<string, string>;
}

interface Finding {
  readonly level: ProtectionLevel;
  readonly state: ProtectionState;
  readonly why: string;
  readonly next: string | undefined;
}

/** The worst finding names the asset's state; what an asset is protected by is defined in the words of the page. */
export function assessAsset(facts: AssetFacts): AssetProtection {
  const { nowMs, asset, policy, repositories, lastBackup } = facts;
  const replicas = policy.replicate.to;
  // A repository that the policy has left is looked after by nobody: its copies are checked, copied and pruned no more.
  const usable = facts.copies.filter(
    ({ repository }) =>
      [policy.repository, ...replicas].includes(repository) && repositories.get(repository)?.damage === undefined,
  );
  const lastGood = newest(usable);
  const objectives = policy.objectives;
  const rpo = judgeAge(nowMs, lastGood?.timeMs, objectives.rpoSeconds);
  const { site, judged: secondSite } = judgeSecondSites(facts, usable);
  const check = judgeAge(nowMs, repositories.get(policy.repository)?.lastPassedMs, objectives.verifyEverySeconds);
  const proof = judgeProof(facts);
  const found: Finding[] = [];

  const damaged = [policy.repository, ...replicas].find((name) => repositories.get(name)?.damage !== undefined);
  const unread = [policy.repository, ...replicas].find((name) => facts.unread.has(name));
  // What is missing may be the newest copy or the check that failed: with it, nothing that follows is known.
  if (unread !== undefined) found.push(notRead(unread, facts.unread.get(unread)!));
  else if (lastGood === undefined) found.push(withoutCopy(facts, damaged));
  else if (rpo.verdict === "unknown") found.push(fromTheFuture(lastGood));
  else if (rpo.verdict === "missed") found.push(late(facts, rpo));
  if (damaged !== undefined && (lastGood !== undefined || unread !== undefined)) {
    const why = `a check of repository ${damaged} found damage: ${causeOf(repositories.get(damaged)?.damage)}`;
    found.push({ level: "bad", state: "DAMAGED", why, next: checkAgain(damaged, repositories) });
  }
  // One that has no copy at all says that and nothing else: the rest follows from it.
  if (lastGood !== undefined && unread === undefined) {
    found.push(...secondSiteFindings(facts, site, secondSite), ...checkFindings(facts, check), ...proofFindings(facts, proof));
    const hasObjective = [rpo, secondSite, check, proof].some((judged) => judged.objectiveSeconds !== undefined);
    if (objectives.rpoSeconds === undefined && found.length === 0) {
      const why = hasObjective ? "its policy sets no rpo" : "its policy sets no objectives, so nothing can be judged";
      found.push({ level: "unknown", state: "NO OBJECTIVE", why, next: `lifeboat config explain policies.${policy.name}` });
    }
  }
  // Within its objectives, but the next broken objective has begun: said, without taking the green away.
  if (found.length === 0 && lastBackup !== undefined && lastBackup.result !== "passed") {
    found.push({ level: "good", state: "ok", why: lastRunWords(lastBackup), next: doctor(asset, lastBackup) });
  }
  const severity = (finding: Finding) => protectionLevels.indexOf(finding.level);
  const worst = found.reduce<Finding | undefined>(
    (most, one) => (most === undefined || severity(one) > severity(most) ? one : most),
    undefined,
  );
  return {
    asset: asset.name,
    host: asset.host,
    policy: policy.name,
    owner: policy.owner,
    tier: policy.tier,
    level: worst?.level ?? "good",
    state: worst?.state ?? "ok",
    why: found.map((finding) => finding.why).join("; "),
    next: worst?.next,
    lastGood,
    rpo,
    secondSite,
    check,
    proof,
    lastBackup,
    isOpen: facts.isOpen,
  };
}

function newest(copies: readonly GoodCopy[]): GoodCopy | undefined {
  return copies.reduce<GoodCopy | undefined>(
    (last, copy) => (last === undefined || copy.timeMs > last.timeMs ? copy : last),
    undefined,
  );
}

/** Where only a lag is promised, data may be as old as the rpo and on its way for as long as the lag. */
function offsiteObjective({ objectives, replicate }: CompiledPolicy): number | undefined {
  if (objectives.rpoOffsiteSeconds !== undefined) return objectives.rpoOffsiteSeconds;
  if (replicate.to.length === 0 || replicate.maxLagSeconds === undefined || objectives.rpoSeconds === undefined) return undefined;
  return objectives.rpoSeconds + replicate.maxLagSeconds;
}

/** The replica that is furthest behind, so that one that is never reached is not hidden by one that is. */
function judgeSecondSites(
  { nowMs, policy }: AssetFacts,
  usable: readonly GoodCopy[],
): { readonly site: string | undefined; readonly judged: JudgedAge } {
  const objective = offsiteObjective(policy);
  const rank = ({ atMs, verdict }: JudgedAge) =>
    atMs === undefined ? 0 : verdict === "missed" ? 1 : verdict === "unknown" ? 2 : 3;
  const [first] = policy.replicate.to
    .map((site) => {
      const copies = usable.filter(({ repository }) => repository === site);
      return { site, judged: judgeAge(nowMs, newest(copies)?.timeMs, objective) };
    })
    .sort((a, b) => rank(a.judged) - rank(b.judged) || (a.judged.atMs ?? 0) - (b.judged.atMs ?? 0));
  return first ?? { site: undefined, judged: judgeAge(nowMs, undefined, objective) };
}

function judgeProof({ nowMs, proofs, policy }: AssetFacts): AssetProtection["proof"] {
  const all = proofs.filter((proof) => proof.outcome !== "inconclusive");
  // One under a wrong clock must not be the last word until that time has come.
  const now = all.filter((proof) => !isFromFuture(nowMs, proof.declaredMs));
  const answers = now.length > 0 ? now : all;
  const last = answers.reduce<RestoreProof | undefined>(
    (latest, one) => (latest === undefined || one.declaredMs > latest.declaredMs ? one : latest),
    undefined,
  );
  const { drillEverySeconds, rtoSeconds } = policy.objectives;
  const judged = judgeAge(nowMs, last?.declaredMs, drillEverySeconds);
  return { ...judged, verdict: last?.outcome === "failed" ? "missed" : judged.verdict, last, rtoSeconds };
}

function withoutCopy({ asset, policy, lastBackup, repositories, copies }: AssetFacts, damaged: string | undefined): Finding {
  const sites = [policy.repository, ...policy.replicate.to];
  const next = `lifeboat backup run ${policy.name} --host ${asset.host}`;
  if (damaged !== undefined) {
    const why = `no copy that can be trusted: a check of repository ${damaged} found damage: ${causeOf(repositories.get(damaged)?.damage)}`;
    return { level: "bad", state: "DAMAGED", why, next: checkAgain(damaged, repositories) };
  }
  if (lastBackup === undefined) return { level: "unknown", state: "NEW", why: "never backed up yet", next };
  if (lastBackup.result === "passed") {
    const elsewhere = [...new Set(copies.map(({ repository }) => repository))].filter((name) => !sites.includes(name));
    const why =
      elsewhere.length > 0
        ? `no copy in ${sites.join(" or ")}; copies in ${elsewhere.join(", ")} do not count, since its policy does not name it`
        : "no repository holds a good snapshot of it any more";
    return { level: "bad", state: "NO COPY", why, next };
  }
  return {
    level: "bad",
    state: "NO COPY",
    why: `never backed up completely; ${lastRunWords(lastBackup)}`,
    next: doctor(asset, lastBackup),
  };
}

function notRead(repository: string, missing: string): Finding {
  return { level: "unknown", state: "UNKNOWN", why: `repository ${repository}: ${missing}`, next: "lifeboat doctor" };
}

/** The check that shows what was found, and whether it is still so. */
function checkAgain(repository: string, repositories: AssetFacts["repositories"]): string {
  return `lifeboat repo check --repo ${repository}${repositories.get(repository)?.isDataDamage === true ? " --read-data" : ""}`;
}

function fromTheFuture(copy: GoodCopy): Finding {
  const why = `its newest snapshot is dated ${new Date(copy.timeMs).toISOString()}, in the future: a clock is wrong`;
  return { level: "unknown", state: "UNKNOWN", why, next: "lifeboat doctor" };
}

function late({ asset, policy, lastBackup }: AssetFacts, rpo: JudgedAge): Finding {
  const by = formatDuration((rpo.ageSeconds ?? 0) - (rpo.objectiveSeconds ?? 0));
  const failed = lastBackup !== undefined && lastBackup.result !== "passed";
  const why = `late by ${by}; ${failed ? lastRunWords(lastBackup) : "no newer backup has finished"}`;
  const next = failed ? doctor(asset, lastBackup) : `lifeboat backup run ${policy.name} --host ${asset.host}`;
  return { level: "bad", state: "LATE", why, next };
}

function secondSiteFindings({ asset, repositories }: AssetFacts, site: string | undefined, secondSite: JudgedAge): Finding[] {
  // Said already, and why there is no copy to be judged.
  if (site !== undefined && repositories.get(site)?.damage !== undefined) return [];
  const finding = (why: string): Finding[] => [
    { level: "warning", state: "SECOND SITE LATE", why, next: `lifeboat history --asset ${asset.name} --kind replicate` },
  ];
  if (secondSite.verdict === "missed") {
    return finding(
      `second site ${site} is ${formatDuration(secondSite.ageSeconds ?? 0)} behind, objective ${formatDuration(secondSite.objectiveSeconds ?? 0)}`,
    );
  }
  if (secondSite.verdict === "unknown") return finding(`the copy at ${site} is dated in the future`);
  if (secondSite.atMs === undefined && site !== undefined) return finding(`no copy at ${site} yet`);
  if (secondSite.verdict === "never") return finding("rpo_offsite is promised, but the policy has no second site");
  return [];
}

function checkFindings({ policy }: AssetFacts, check: JudgedAge): Finding[] {
  if (check.verdict === "met" || check.verdict === "none") return [];
  const why =
    check.verdict === "missed"
      ? `repository ${policy.repository} was last checked ${formatDuration(check.ageSeconds ?? 0)} ago, wanted every ${formatDuration(check.objectiveSeconds ?? 0)}`
      : `repository ${policy.repository} was never checked`;
  return [{ level: "warning", state: "NOT CHECKED", why, next: `lifeboat repo check --repo ${policy.repository}` }];
}

function proofFindings({ drills }: AssetFacts, proof: AssetProtection["proof"]): Finding[] {
  const drill = proof.last?.drill ?? drills[0];
  const next = drill === undefined ? "lifeboat drill validate" : `lifeboat drill run ${drill}`;
  const finding = (why: string): Finding[] => [{ level: "warning", state: "UNPROVEN", why, next }];
  if (proof.last?.outcome === "failed") return finding(`the last drill that restored it, ${proof.last.drill}, failed`);
  if (proof.verdict === "never" || proof.verdict === "unknown") {
    return finding(drills.length === 0 ? "never restored in a test, and no drill restores it" : "never restored in a test");
  }
  if (proof.verdict === "missed") {
    return finding(
      `last proven ${formatDuration(proof.ageSeconds ?? 0)} ago, wanted every ${formatDuration(proof.objectiveSeconds ?? 0)}`,
    );
  }
  const rta = proof.last?.rtaSeconds;
  if (rta !== undefined && rta !== null && proof.rtoSeconds !== undefined && rta > proof.rtoSeconds) {
    return [
      {
        level: "warning",
        state: "TOO SLOW",
        why: `restore took ${formatDuration(rta)}, objective ${formatDuration(proof.rtoSeconds)}`,
        next,
      },
    ];
  }
  return [];
}

function doctor(asset: CompiledAsset, run: RunRecord): string {
  return run.result === "failed" ? `lifeboat doctor ${asset.host}` : `lifeboat job show ${run.id}`;
}

function lastRunWords(run: RunRecord): string {
  return `last backup ${run.result}: ${causeOf(run)}`;
}

function causeOf(run: RunRecord | undefined): string {
  return run?.cause ?? "no cause was recorded";
}
