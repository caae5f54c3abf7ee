import type { JudgedAge, Logger, Protection } from "@lifeboat/model";

/**
 * Says once when an asset misses its objective, and once when it keeps it again. On the clock, not on events: an asset whose
 * backups have stopped altogether is late too.
 */
export function createObjectiveWatch(logger: Logger): (protection: Protection) => void {
  const late = new Set<string>();
  return ({ assets }) => {
    for (const { asset, rpo, secondSite, why } of assets) {
      const judge = (site: string, age: JudgedAge) => {
        const key = `${asset} ${site}`;
        const fields = { asset, site, age_seconds: age.ageSeconds ?? null, objective_seconds: age.objectiveSeconds ?? null };
        if (age.verdict === "missed" && !late.has(key)) {
          late.add(key);
          logger.warn({ ...fields, why }, "recovery point is older than its objective");
        } else if (age.verdict === "met" && late.delete(key)) {
          logger.info(fields, "recovery point keeps its objective again");
        }
      };
      judge("here", rpo);
      judge("second site", secondSite);
    }
  };
}
