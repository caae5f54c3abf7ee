import type { CompiledDrill, CompiledDrillCheck, CompiledDrillStep } from "@lifeboat/model";
import type { CheckOutcome } from "./checks/check-outcome.ts";
import type { ControlOutcome } from "./controls/control-outcome.ts";
import type { DrillCheckReport, DrillStepReport } from "./report/drill-report.ts";
import { notReached } from "./verdict/judge-drill.ts";
import type { Span } from "./verdict/measure-parts.ts";

type Verdict = DrillStepReport["verdict"];

export const notRun: ControlOutcome = {
  kind: "auto",
  verdict: "not_run",
  reason: "the check itself did not pass, so there is nothing to prove",
  damages: [],
  proves: [],
};

/** What happened to each step and check, in the order of the definition. Seconds count from T0. */
export class DrillLog {
  readonly spans: Span[] = [];
  readonly #steps: Map<string, DrillStepReport>;
  readonly #checks: Map<string, DrillCheckReport>;
  readonly #checkEnds = new Map<string, number>();
  readonly #declaredAtMs: number;
  readonly #stepKinds: Map<string, CompiledDrillStep>;
  readonly #targetTypes: Map<string, string>;

  constructor(drill: CompiledDrill, declaredAtMs: number) {
    this.#declaredAtMs = declaredAtMs;
    this.#stepKinds = new Map(drill.steps.map((step) => [step.id, step]));
    this.#targetTypes = new Map([...drill.targets.values()].map((target) => [target.id, target.type]));
    this.#steps = new Map(drill.steps.map((step) => [step.id, emptyStep(step)]));
    this.#checks = new Map(drill.checks.map((check) => [check.id, emptyCheck(check)]));
  }

  get steps(): DrillStepReport[] {
    return [...this.#steps.values()];
  }

  get checks(): DrillCheckReport[] {
    return [...this.#checks.values()];
  }

  /** When the last required check passed, ms since 1970; undefined when a step is not done, a check did not pass, or there is none. */
  recoveredAtMs(): number | undefined {
    if (this.steps.some((step) => step.verdict !== "passed")) return undefined;
    const required = this.checks.filter((check) => check.severity === "fail");
    if (required.length === 0 || required.some((check) => check.verdict !== "passed")) return undefined;
    return Math.max(...required.map((check) => this.#checkEnds.get(check.id) ?? 0));
  }

  endStep(
    id: string,
    fromMs: number,
    toMs: number,
    end: { verdict: Verdict; detail: string; bytes?: number; output?: string | undefined },
  ): void {
    const step = this.#stepKinds.get(id);
    const type = step?.kind === "restore" ? this.#targetTypes.get(step.to) : undefined;
    const part = step?.kind !== "restore" ? "application" : type === "directory" ? "transfer" : "load";
    this.spans.push({ part, fromMs, toMs });
    this.#steps.set(id, {
      ...this.#steps.get(id)!,
      ...this.#times(fromMs, toMs),
      verdict: end.verdict,
      detail: end.detail,
      bytes: end.bytes ?? 0,
      output: end.output ?? null,
    });
  }

  endCheck(id: string, fromMs: number, toMs: number, outcome: CheckOutcome): void {
    this.spans.push({ part: "checks", fromMs, toMs });
    this.#checkEnds.set(id, toMs);
    const { verdict, wanted, found, detail, output } = outcome;
    const check = { ...this.#checks.get(id)!, ...this.#times(fromMs, toMs), verdict, wanted, found, detail };
    this.#checks.set(id, { ...check, output: output ?? null });
  }

  endControl(id: string, control: ControlOutcome): void {
    this.#checks.set(id, { ...this.#checks.get(id)!, control });
  }

  skip(id: string, detail: string): void {
    const step = this.#steps.get(id);
    if (step !== undefined) this.#steps.set(id, { ...step, detail });
    const check = this.#checks.get(id);
    if (check !== undefined) this.#checks.set(id, { ...check, detail });
  }

  #times(fromMs: number, toMs: number): { started_s: number; seconds: number } {
    return { started_s: (fromMs - this.#declaredAtMs) / 1000, seconds: (toMs - fromMs) / 1000 };
  }
}

function emptyStep(step: CompiledDrillStep): DrillStepReport {
  const what =
    step.kind === "restore"
      ? `${step.asset} to ${step.to}`
      : step.kind === "run"
        ? step.run.command.join(" ")
        : `${step.seconds} s`;
  const nothing = { started_s: null, seconds: null, bytes: 0, output: null };
  return { id: step.id, kind: step.kind, what, verdict: "skipped", detail: notReached, ...nothing };
}

function emptyCheck(check: CompiledDrillCheck): DrillCheckReport {
  const { id, type, after, severity } = check;
  const nothing = { started_s: null, seconds: null, output: null, wanted: "", found: "" };
  return { id, type, after, severity, verdict: "skipped", detail: notReached, ...nothing, control: notRun };
}
