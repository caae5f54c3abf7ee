import type { RateLimits } from "../schedule/rate-limits.ts";
import { type CompileContext, isMissing, refuseUrlSecret, secretReference, where } from "./compile-context.ts";
import { compileSchedule } from "./compile-schedule.ts";
import type { CompiledRepository } from "./compiled-config.ts";
import { type MapNode, plainOf } from "./config-tree.ts";
import { type RepositoryInput, repository, weekdayNumber } from "./schema/repository-schema.ts";

const defaultMaxBytesPerDay = 50 * 1024 ** 3;

/** undefined when something that must be there is not; that has been reported then. */
export function compileRepository(context: CompileContext, name: string, node: MapNode): CompiledRepository | undefined {
  const input = repository.parse(plainOf(node));
  const place = context.definitions.repositories.get(name) ?? context.top;
  for (const key of ["url", "password"]) {
    if (isMissing(node, key)) context.report({ code: "missing-key", message: `repository "${name}" needs "${key}"`, place });
  }
  refuseUrlSecret(context, node, ["url"]);
  const scheme = /^([a-z][a-z0-9+]*):/.exec(input.url ?? "")?.[1];
  if (scheme !== undefined && scheme !== "s3" && scheme !== "local") {
    context.report({
      code: "bad-value",
      message: `repositories at "${scheme}:" are not supported`,
      place: where(context, node, ["url"]),
      hint: "write a folder like /srv/repo, or s3:https://HOST/BUCKET/PREFIX",
    });
  }
  for (const key of ["prune", "check"] as const) {
    const plan = input[key];
    if (plan !== undefined && plan.cron === undefined && plan.every === undefined && !isPruned(node, key)) {
      context.report({
        code: "missing-key",
        message: `${key} of repository "${name}" needs cron or every`,
        place: where(context, node, [key], "key"),
      });
    }
  }
  const password = secretReference(input.password);
  if (input.url === undefined || password === undefined) return undefined;
  return {
    name,
    url: input.url,
    password,
    credentials: credentialsOf(input.credentials),
    limits: limitsOf(context, input),
    verify: input.verify && {
      everyByteWithinSeconds: input.verify.every_byte_within ?? 90 * 86_400,
      maxBytesPerDay: input.verify.max_per_day ?? defaultMaxBytesPerDay,
    },
    prune: input.prune && {
      schedule: compileSchedule(context, input.prune, node, ["prune"]),
      maxUnusedRatio: input.prune.max_unused ?? 0.05,
    },
    check: input.check && {
      schedule: compileSchedule(context, input.check, node, ["check"]),
      readData: input.check.read_data ?? false,
    },
  };
}

function limitsOf(context: CompileContext, input: RepositoryInput): RateLimits | undefined {
  const { limit_upload: upload, limit_download: download, limit_hours: hours = [] } = input;
  if (upload === undefined && download === undefined && hours.length === 0) return undefined;
  return {
    upload: upload || undefined,
    download: download || undefined,
    timezone: context.timezone,
    hours: hours.map(({ from, to, days, upload, download }) => ({
      fromMinute: from,
      toMinute: to,
      days: days?.map(weekdayNumber),
      upload,
      download,
    })),
  };
}

function isPruned(node: MapNode, key: string): boolean {
  const plan = node.entries.get(key)?.node;
  return plan?.kind === "map" && (plan.pruned.has("cron") || plan.pruned.has("every"));
}

function credentialsOf(input: RepositoryInput["credentials"]): CompiledRepository["credentials"] {
  if (input === undefined || "aws" in input) return { kind: "chain", profile: undefined };
  if ("profile" in input) return { kind: "chain", profile: input.profile };
  return {
    kind: "keys",
    accessKeyId: secretReference(input.access_key_id)!,
    secretAccessKey: secretReference(input.secret_access_key)!,
  };
}
