import { messageOf } from "@lifeboat/model";
import type { CheckOutcome } from "../checks/check-outcome.ts";
import type { LiveTarget } from "../targets.ts";
import type { ControlOutcome, TriedDamage } from "./control-outcome.ts";
import type { TargetCopy } from "./copy-target.ts";
import type { Damage } from "./damage.ts";

export interface Experiment {
  /** Runs the check with this copy in the place of the target. */
  ask(copy: LiveTarget, signal: AbortSignal): Promise<CheckOutcome>;
  /** Assets that are proved when the check says no. */
  readonly proves: readonly string[];
}

/**
 * First the whole copy, to which the check must say yes (else the "no" later would be the copy's fault), then one damage
 * after the other until it says no. An error or silence is not a no.
 */
export async function tryDamages(
  experiment: Experiment,
  copy: TargetCopy,
  damages: readonly Damage[],
  signal: AbortSignal,
): Promise<Omit<ControlOutcome, "kind">> {
  const tried: TriedDamage[] = [];
  const { id } = copy.target;
  const whole = await experiment.ask(copy.target, signal);
  if (whole.verdict !== "passed") {
    const reason = `the check does not pass on an undamaged copy: ${whole.detail}`;
    return { verdict: "no_answer", reason, damages: tried, proves: [] };
  }
  let answers = 0;
  let trouble = "";
  for (const damage of damages) {
    try {
      const outcome = await experiment.ask(await damage.apply(copy.target, signal), signal);
      const answered = outcome.verdict !== "inconclusive" && outcome.answered !== false;
      tried.push({ target: id, damage: damage.text, verdict: answered ? outcome.verdict : "inconclusive", found: outcome.found });
      if (answered && outcome.verdict === "failed") {
        return { verdict: "proved", reason: `${damage.text}: ${outcome.detail}`, damages: tried, proves: experiment.proves };
      }
      if (answered) answers++;
      else trouble = outcome.detail;
    } catch (error) {
      signal.throwIfAborted();
      trouble = messageOf(error);
      tried.push({ target: id, damage: damage.text, verdict: "inconclusive", found: trouble.slice(0, 200) });
    }
  }
  if (answers === 0) return { verdict: "no_answer", reason: `no damage could be tried: ${trouble}`, damages: tried, proves: [] };
  const last = tried.filter((one) => one.verdict === "passed").at(-1)?.damage ?? "";
  return { verdict: "proves_nothing", reason: `the check still passes on damaged data (${last})`, damages: tried, proves: [] };
}
