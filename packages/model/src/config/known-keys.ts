import type { z } from "zod";
import type { ConfigPath } from "./config-tree.ts";

interface Definition {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly innerType?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly discriminator?: string;
}

const definitionOf = (schema: z.ZodType) => schema._zod.def as unknown as Definition;

/** The keys that the schema knows at `path`; of a choice by `type` only the branch that `plain` picks. */
export function knownKeysAt(schema: z.ZodType, path: ConfigPath, plain: unknown): string[] {
  let candidates = [{ schema, value: plain }];
  for (const step of path) {
    candidates = candidates.flatMap(({ schema: one, value }) =>
      open(one, value).flatMap((inner) => {
        const next = child(inner, step);
        const nextValue =
          typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[step] : undefined;
        return next === undefined ? [] : [{ schema: next, value: nextValue }];
      }),
    );
  }
  const keys = candidates
    .flatMap(({ schema: one, value }) => open(one, value))
    .flatMap((one) => Object.keys(definitionOf(one).shape ?? {}));
  return [...new Set(keys)].sort();
}

/** Without the wrappers and choices. */
function open(schema: z.ZodType, value: unknown): z.ZodType[] {
  const definition = definitionOf(schema);
  if (definition.innerType !== undefined) return open(definition.innerType, value);
  if (definition.type === "pipe" && definition.in !== undefined) return open(definition.in, value);
  if (definition.options === undefined) return [schema];
  const { discriminator } = definition;
  if (discriminator !== undefined && typeof value === "object" && value !== null) {
    const picked = definition.options.filter((option) => {
      const literal = definitionOf(option).shape?.[discriminator];
      return literal?.safeParse((value as Record<string, unknown>)[discriminator]).success;
    });
    if (picked.length > 0) return picked.flatMap((option) => open(option, value));
  }
  return definition.options.flatMap((option) => open(option, value));
}

function child(schema: z.ZodType, step: string | number): z.ZodType | undefined {
  const definition = definitionOf(schema);
  return definition.shape?.[String(step)] ?? definition.valueType ?? (typeof step === "number" ? definition.element : undefined);
}
