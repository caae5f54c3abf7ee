import { where } from "../config/compile-context.ts";
import type { CompiledControlRun, CompiledDrillCheck } from "../config/compiled-config.ts";
import type { DrillCheckInput, DrillInput } from "../config/schema/drill-schema.ts";
import { checkPlaceholders, type DrillContext, resolveScratchHost } from "./compile-drill.ts";

const defaultTimeoutSeconds = 300;

export function compileDrillCheck(
  context: DrillContext,
  check: DrillCheckInput,
  index: number,
  drill: DrillInput,
): CompiledDrillCheck[] {
  const path = ["checks", index];
  const common = {
    id: check.id,
    after: check.after,
    needs: check.needs ?? [],
    severity: check.severity ?? "fail",
    timeoutSeconds: check.timeout ?? defaultTimeoutSeconds,
    control: compileControl(check.control),
  } as const;
  switch (check.type) {
    case "file_hash":
      return [{ ...common, type: "file_hash", sampleRatio: Math.min(check.sample ?? 1, 1), against: "snapshot" }];
    case "row_count":
      return [
        {
          ...common,
          type: "row_count",
          table: check.table,
          compare: check.compare ?? "recorded",
          toleranceRatio: check.tolerance ?? 0,
        },
      ];
    case "sql": {
      const { expect, min, max } = check;
      if (expect === undefined && min === undefined && max === undefined) {
        const place = where(context, context.node, [...path, "id"]);
        context.report({ code: "missing-key", message: `check "${check.id}" needs expect, min or max`, place });
        return [];
      }
      return [
        { ...common, type: "sql", query: check.query, expect: expect === undefined ? undefined : String(expect), min, max },
      ];
    }
    case "freshness":
      return [{ ...common, type: "freshness", query: check.query, maxAgeSeconds: check.max_age }];
    case "command": {
      const host = resolveScratchHost(context, check.host, [...path, "host"], "drill check");
      const command = checkPlaceholders(context, check.run, [...path, "run"], drill);
      const { exit = 0, output } = check.expect ?? {};
      return [{ ...common, type: "command", run: { host, command }, expectExit: exit, expectOutput: output }];
    }
    case "http": {
      const { status = 200, body } = check.expect ?? {};
      const http = { url: check.url, expectStatus: status, expectBody: body, retryForSeconds: check.retry?.for ?? 0 };
      return [{ ...common, type: "http", ...http }];
    }
  }
}

function compileControl(input: DrillCheckInput["control"]): CompiledControlRun {
  if (input === undefined || input === "auto") return { kind: "auto" };
  if (input === "none") return { kind: "none" };
  return "drop_table" in input ? { kind: "drop_table", table: input.drop_table } : { kind: "run", argv: input.run };
}
