// A door of its own: only who reads configuration pays for loading the schema and YAML libraries, and no thread of the engine does.
export { listIncludes } from "./list-includes.ts";
export {
  type ConfigFile,
  type ConfigSource,
  type ParsedConfig,
  type ParsedDrills,
  type ParseOptions,
  parseConfig,
  parseDrillFile,
} from "./parse-config.ts";
export { configJsonSchema } from "./schema/json-schema.ts";
