import { relative } from "node:path";
import { findConfig, readConfigFiles } from "@lifeboat/host";
import { type CompiledConfig, LifeboatError, renderProblems } from "@lifeboat/model";
import { type ConfigFile, listIncludes, type ParsedConfig, parseConfig } from "@lifeboat/model/config";
import type { Session } from "./session.ts";

export interface ReadConfig {
  /** Absolute path of the main file. */
  readonly path: string;
  /** Paths as people should see them. */
  readonly files: readonly ConfigFile[];
  readonly parsed: ParsedConfig;
}

/** The one configuration with its problems. Errors: `config-missing`, `config-invalid` for files that cannot be read. */
export async function readConfig(session: Session): Promise<ReadConfig> {
  const path = findConfig({ flag: session.configFlag, environment: session.environment });
  if (path === undefined) {
    throw new LifeboatError("config-missing", "no configuration: neither ./lifeboat.yaml nor /etc/lifeboat/lifeboat.yaml exists");
  }
  const read = await readConfigFiles(path, (text) => listIncludes(path, text).patterns);
  const files = read.map((file) => ({ path: shownPath(file.path), text: file.text }));
  return { path, files, parsed: parseConfig(files, { env: session.environment, nowMs: session.clock.now() }) };
}

/** The configuration, or `config-invalid` after its problems have been shown. */
export async function loadConfig(session: Session): Promise<CompiledConfig> {
  const { path, files, parsed } = await readConfig(session);
  if (parsed.config !== undefined) return parsed.config;
  const errors = parsed.problems.filter(({ severity }) => severity === "error");
  if (!session.json) session.output.note(renderProblems(parsed.problems, files, { color: session.output.colour }).trimEnd());
  const first = errors[0];
  const where =
    first === undefined ? "" : `, first: ${first.place.file}:${first.place.line}:${first.place.column}: ${first.message}`;
  throw new LifeboatError(
    "config-invalid",
    `${shownPath(path)} has ${errors.length} ${errors.length === 1 ? "error" : "errors"}${where}`,
  );
}

/** undefined when none is named and none is found: bare hands. */
export async function loadConfigIfThere(session: Session): Promise<CompiledConfig | undefined> {
  if (findConfig({ flag: session.configFlag, environment: session.environment }) === undefined) return undefined;
  return loadConfig(session);
}

/** Relative where that is shorter to read. */
function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") || short === "" ? path : short;
}
