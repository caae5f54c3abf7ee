import { expect, test } from "vitest";
import { configJsonSchema } from "./json-schema.ts";

interface Schema {
  readonly description?: string;
  readonly properties?: Record<string, Schema>;
  readonly additionalProperties?: unknown;
  readonly [key: string]: unknown;
}

function walk(schema: unknown, path: string, visit: (schema: Schema, path: string) => void): void {
  if (typeof schema !== "object" || schema === null) return;
  visit(schema as Schema, path);
  for (const [key, value] of Object.entries(schema)) walk(value, `${path}.${key}`, visit);
}

test("draft-07, and no object takes keys that are not known", () => {
  const schema = configJsonSchema() as Schema;
  expect(schema.$schema).toBe("http://json-schema.org/draft-07/schema#");
  let objects = 0;
  walk(schema, "", (one, path) => {
    if (one.type !== "object" || one.properties === undefined) return;
    objects++;
    expect(one.additionalProperties, path).toBe(false);
  });
  expect(objects).toBeGreaterThan(40);
});

test("every key of hosts, policies and repositories is described, appending keys are spelled out", () => {
  const { properties } = configJsonSchema() as Schema;
  for (const section of ["hosts", "policies", "repositories"]) {
    const entry = properties![section]!.additionalProperties as Schema;
    for (const [key, value] of Object.entries(entry.properties!))
      expect(value.description ?? "", `${section}.${key}`).not.toBe("");
  }
  const policy = properties!.policies!.additionalProperties as Schema;
  expect(policy.properties!["exclude+"]!.type).toBe("array");
  expect(policy.properties!.timeout).toMatchObject({ type: "string", default: "12h", examples: expect.any(Array) });
});
