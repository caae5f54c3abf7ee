import { where } from "../config/compile-context.ts";
import type { CompiledDrillCheck, CompiledDrillStep } from "../config/compiled-config.ts";
import type { ConfigPath } from "../config/config-tree.ts";
import type { DrillInput } from "../config/schema/drill-schema.ts";
import { suggest } from "../config/suggest.ts";
import type { DrillContext } from "./compile-drill.ts";

/** Ids are unique, needs lead somewhere and not in a circle, and each check can be asked where it stands. */
export function checkDrillOrder(
  context: DrillContext,
  input: DrillInput,
  steps: readonly CompiledDrillStep[],
  checks: readonly CompiledDrillCheck[],
): void {
  const stepIds = (input.steps ?? []).map((step) => step.id);
  const checkIds = (input.checks ?? []).map((check) => check.id);
  const seen = new Set<string>();
  const place = (path: ConfigPath) => where(context, context.node, path);
  const refer = (kind: string, name: string, known: readonly string[], path: ConfigPath) => {
    if (known.includes(name)) return;
    const near = suggest(name, known);
    const hint = near === undefined ? {} : { hint: `did you mean "${near}"?` };
    const message = `${kind} "${name}" is not defined in drill "${context.drillName}"`;
    context.report({ code: "unknown-reference", message, place: place(path), ...hint });
  };
  for (const [section, ids] of [
    ["steps", stepIds],
    ["checks", checkIds],
  ] as const) {
    ids.forEach((id, index) => {
      if (seen.has(id))
        context.report({
          code: "duplicate-name",
          message: `id "${id}" stands twice in drill "${context.drillName}"`,
          place: place([section, index, "id"]),
        });
      seen.add(id);
    });
  }
  const targetIds = Object.keys(input.targets ?? {});
  input.steps?.forEach((step, index) => {
    step.needs?.forEach((need, at) => {
      refer("step", need, stepIds, ["steps", index, "needs", at]);
    });
    if (step.restore !== undefined) refer("target", step.restore.to, targetIds, ["steps", index, "restore", "to"]);
  });
  input.checks?.forEach((check, index) => {
    refer("step", check.after, stepIds, ["checks", index, "after"]);
    check.needs?.forEach((need, at) => {
      refer("check", need, checkIds, ["checks", index, "needs", at]);
    });
  });
  reportCircle(context, "steps", input.steps ?? []);
  reportCircle(context, "checks", input.checks ?? []);
  checkTypes(context, input, steps);
  checkProof(context, input, steps, checks);
}

function reportCircle(
  context: DrillContext,
  section: "steps" | "checks",
  list: readonly { id: string; needs?: string[] | undefined }[],
): void {
  // What never becomes ready stands in a circle or behind one.
  const ids = new Set(list.map((one) => one.id));
  const open = new Map(list.map((one) => [one.id, (one.needs ?? []).filter((need) => ids.has(need))]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [id, needs] of open) {
      if (needs.some((need) => open.has(need))) continue;
      open.delete(id);
      changed = true;
    }
  }
  const [first] = open.keys();
  if (first === undefined) return;
  const index = list.findIndex((one) => one.id === first);
  const place = where(context, context.node, [section, index, "needs"]);
  context.report({ code: "cycle", message: `${[...open.keys()].join(", ")} wait for each other`, place });
}

const databaseTypes = ["postgresql", "sqlite"];

function checkTypes(context: DrillContext, input: DrillInput, steps: readonly CompiledDrillStep[]): void {
  const targetTypeOf = (step: CompiledDrillStep | undefined) =>
    step?.kind === "restore" ? input.targets?.[step.to]?.type : undefined;
  input.steps?.forEach((step, index) => {
    const asset = context.around.assets?.get(step.restore?.asset ?? "");
    const target = input.targets?.[step.restore?.to ?? ""];
    if (asset === undefined || target === undefined || target.type === "directory" || target.type === asset.source.type) return;
    context.report({
      code: "bad-reference",
      message: `asset "${asset.name}" (${asset.source.type}) cannot be restored to a ${target.type} target`,
      place: where(context, context.node, ["steps", index, "restore", "to"]),
    });
  });
  input.checks?.forEach((check, index) => {
    const step = steps.find((one) => one.id === check.after);
    const type = targetTypeOf(step);
    const place = where(context, context.node, ["checks", index, "after"]);
    if (
      ["row_count", "sql", "freshness"].includes(check.type) &&
      step !== undefined &&
      (type === undefined || !databaseTypes.includes(type))
    ) {
      context.report({
        code: "bad-reference",
        message: `check "${check.id}" asks a database, but step "${check.after}" restores none`,
        place,
      });
    }
    if (check.type === "file_hash" && step !== undefined && type !== "directory") {
      context.report({
        code: "bad-reference",
        message: `check "${check.id}" looks at files, but step "${check.after}" restores none`,
        place,
      });
    }
    if (check.type === "row_count" && (check.compare ?? "recorded") === "recorded" && step?.kind === "restore") {
      const source = context.around.assets?.get(step.asset)?.source;
      if (
        source === undefined ||
        source.type === "files" ||
        source.recordRows === "all" ||
        source.recordRows.includes(check.table)
      )
        return;
      context.report({
        code: "bad-reference",
        message: `the rows of "${check.table}" are not recorded for asset "${step.asset}"`,
        place: where(context, context.node, ["checks", index, "table"]),
        hint: `add record: { rows: [${[...source.recordRows, check.table].join(", ")}] } to its source`,
      });
    }
  });
}

/** An asset that no check proves stays unproven however green the drill is. */
function checkProof(
  context: DrillContext,
  input: DrillInput,
  steps: readonly CompiledDrillStep[],
  checks: readonly CompiledDrillCheck[],
): void {
  if (context.node.pruned.has("checks") || (input.checks ?? []).length !== checks.length) return;
  const before = new Map(steps.map((step) => [step.id, step.needs]));
  const reaches = (from: string, wanted: string, depth = 0): boolean =>
    from === wanted || (depth <= steps.length && (before.get(from) ?? []).some((need) => reaches(need, wanted, depth + 1)));
  steps.forEach((step) => {
    if (step.kind !== "restore") return;
    if (checks.some((check) => check.control.kind !== "none" && reaches(check.after, step.id))) return;
    const index = (input.steps ?? []).findIndex((one) => one.id === step.id);
    context.report({
      severity: "warning",
      code: "unproven-asset",
      message: `no check proves "${step.asset}": drill "${context.drillName}" can only be inconclusive for it`,
      place: where(context, context.node, ["steps", index, "restore", "asset"]),
      hint: "add a check after this step, with a control",
    });
  });
}
