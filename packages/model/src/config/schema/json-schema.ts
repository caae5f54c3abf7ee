import { z } from "zod";
import { fileSchema } from "./file-schema.ts";

/** JSON Schema draft-07 of the configuration file, for editors: completion, hover and errors while typing. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, { target: "draft-7", io: "input" }) as Record<string, unknown>;
}
