import { compileDrill } from "../drill/compile-drill.ts";
import { combineFiles } from "./combine-files.ts";
import { type CompileContext, isMissing, refuseUrlSecret, resolveName, where } from "./compile-context.ts";
import { compileHost, hostDefaults } from "./compile-hosts.ts";
import { linkJumps } from "./compile-jumps.ts";
import { compilePolicy, policyDefaultValues } from "./compile-policies.ts";
import { compileRepository } from "./compile-repositories.ts";
import type {
  CompiledAsset,
  CompiledConfig,
  CompiledDrill,
  CompiledHost,
  CompiledPolicy,
  CompiledRepository,
} from "./compiled-config.ts";
import { type ConfigProblem, type Place, placeText, type ReportProblem, sortProblems } from "./config-problem.ts";
import { type ConfigNode, emptyMap, type MapEntry, type MapNode, nodeAt, nodeOf, plainOf } from "./config-tree.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { type Layer, mergeLayers } from "./merge-layers.ts";
import { type Environment, readYaml } from "./read-yaml.ts";
import { fileSchema } from "./schema/file-schema.ts";

export interface ConfigFile {
  /** As people should see it. */
  readonly path: string;
  readonly text: string;
}

export interface ParseOptions {
  /** For `${VAR}` in scalars that are no secrets, and HOME for "~/". Default: empty. */
  readonly env?: Environment;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

export interface ParsedConfig {
  /** Absent when there is an error among the problems. */
  readonly config?: CompiledConfig;
  /** Everything that is wrong, in all files, sorted by place. */
  readonly problems: readonly ConfigProblem[];
  /** What `explainValue` reads. */
  readonly source: ConfigSource;
}

/** The values after merging, each with its layer and place. */
export interface ConfigSource {
  readonly root: MapNode;
}

const noPlaces = {
  repositories: new Map(),
  hosts: new Map(),
  templates: new Map(),
  policies: new Map(),
  drills: new Map(),
  assets: new Map(),
};

/** The main file first, then the included ones (see listIncludes). Pure: reads no file and no environment of its own. */
export function parseConfig(files: readonly ConfigFile[], options: ParseOptions): ParsedConfig {
  const problems: ConfigProblem[] = [];
  const report: ReportProblem = (problem) => problems.push({ severity: "error", ...problem });
  const { root, env } = readFiles(files, options, report);
  const main = files[0]?.path ?? "lifeboat.yaml";
  const top: Place = { file: main, line: 1, column: 1, endColumn: 1 };
  if (root !== undefined && isMissing(root, "version")) {
    report({ code: "missing-key", message: 'the file needs "version"', place: top, hint: "write version: 1 as its first line" });
  }
  const compiled = compile(root ?? emptyMap(top), {
    report,
    nowMs: options.nowMs,
    home: env.HOME,
    top,
    files,
    drillsOnly: false,
  });
  const sorted = sortProblems(
    problems,
    files.map((file) => file.path),
  );
  if (sorted.some((problem) => problem.severity === "error")) return { problems: sorted, source: compiled.source };
  return { config: compiled.config, problems: sorted, source: compiled.source };
}

export interface ParsedDrills {
  readonly drills: ReadonlyMap<string, CompiledDrill>;
  /** Hosts that the drill file itself defines, and those given. */
  readonly hosts: ReadonlyMap<string, CompiledHost>;
  readonly problems: readonly ConfigProblem[];
}

/**
 * A file with `drills:` (and `hosts:` where it brings its own), without any configuration: for bare hands. Names that only a
 * configuration could know (assets, repositories) are checked when they are given.
 */
export function parseDrillFile(
  path: string,
  text: string,
  options: ParseOptions & {
    readonly hosts?: ReadonlyMap<string, CompiledHost>;
    readonly assets?: ReadonlyMap<string, CompiledAsset>;
  },
): ParsedDrills {
  const problems: ConfigProblem[] = [];
  const report: ReportProblem = (problem) => problems.push({ severity: "error", ...problem });
  const files = [{ path, text }];
  const { root, env } = readFiles(files, options, report);
  const top: Place = { file: path, line: 1, column: 1, endColumn: 1 };
  if (root !== undefined && isMissing(root, "drills")) {
    report({ code: "missing-key", message: 'the file needs "drills"', place: top, hint: "write drills: { NAME: { ... } }" });
  }
  const here = {
    report,
    nowMs: options.nowMs,
    home: env.HOME,
    top,
    files,
    drillsOnly: true,
    hosts: options.hosts,
    assets: options.assets,
  };
  const { config } = compile(root ?? emptyMap(top), here);
  const sorted = sortProblems(problems, [path]);
  const bad = sorted.some((problem) => problem.severity === "error");
  return { drills: bad ? new Map() : config.drills, hosts: config.hosts, problems: sorted };
}

function readFiles(
  files: readonly ConfigFile[],
  options: ParseOptions,
  report: ReportProblem,
): { root: MapNode | undefined; env: Environment } {
  const env = options.env ?? {};
  const trees: MapNode[] = [];
  for (const file of files) {
    const tree = readYaml(file.path, file.text, env, report);
    if (tree === undefined) continue;
    const checked = findSchemaProblems(withoutEmptySections(tree), fileSchema, report);
    if (checked.kind === "map") trees.push(checked);
  }
  // With a file missing, everything that refers to it would be reported too.
  return { root: trees.length === files.length ? combineFiles(trees, report) : undefined, env };
}

/** `policies:` with everything under it commented out is an empty section, not a mistake. */
function withoutEmptySections(tree: ConfigNode): ConfigNode {
  if (tree.kind !== "map") return tree;
  const filled = [...tree.entries].filter(([, { node }]) => !(node.kind === "scalar" && node.value === null));
  return { ...tree, entries: new Map(filled) };
}

interface CompileInput {
  readonly report: ReportProblem;
  readonly nowMs: number;
  readonly home: string | undefined;
  readonly top: Place;
  readonly files: readonly ConfigFile[];
  readonly drillsOnly: boolean;
  readonly hosts?: ReadonlyMap<string, CompiledHost> | undefined;
  readonly assets?: ReadonlyMap<string, CompiledAsset> | undefined;
}

function compile(root: MapNode, input: CompileInput): { config: CompiledConfig; source: ConfigSource } {
  const plain = fileSchema.parse(plainOf(root));
  const company = { name: plain.company?.name ?? "", timezone: plain.company?.timezone ?? "UTC" };
  const sections = (["repositories", "hosts", "templates", "policies", "drills"] as const).map(
    (key) => [key, placesOf(root, key)] as const,
  );
  const assetPlaces = new Map<string, Place>();
  const definitions = { ...noPlaces, ...Object.fromEntries(sections), assets: assetPlaces };
  const context: CompileContext = { ...input, timezone: company.timezone, definitions };
  const effective = emptyMap(root.place);
  for (const key of ["version", "company", "control", "drills"]) copyEntry(root, effective, key);

  const hosts = new Map<string, CompiledHost>(input.hosts ?? []);
  for (const name of hosts.keys())
    if (!definitions.hosts.has(name)) (definitions.hosts as Map<string, Place>).set(name, input.top);
  const hostNodes = new Map(mergedEntries(root, effective, "hosts", "host", hostDefaults));
  for (const [name, node] of hostNodes) hosts.set(name, compileHost(context, name, node));
  linkJumps(context, hosts, hostNodes);

  const repositories = new Map<string, CompiledRepository>();
  for (const [name, node] of mergedEntries(root, effective, "repositories", "repository", {})) {
    const repository = compileRepository(context, name, node);
    if (repository !== undefined) repositories.set(name, repository);
  }

  const policies = new Map<string, CompiledPolicy>();
  const assets = new Map<string, CompiledAsset>(input.assets ?? []);
  const policySection = emptyMap(root.place);
  for (const [name, entry] of mapEntries(root, "policies")) {
    const node = mergePolicy(context, root, name, entry);
    const parts = compilePolicy(context, name, node, hosts);
    if (parts.policy !== undefined) policies.set(name, parts.policy);
    for (const asset of parts.assets) {
      const place = entry.keyPlace ?? input.top;
      const first = assetPlaces.get(asset.name);
      if (first !== undefined) {
        const message = `asset "${asset.name}" is in two policies (first: ${placeText(first)})`;
        context.report({ code: "duplicate-name", message, place });
      } else assetPlaces.set(asset.name, place);
      assets.set(asset.name, asset);
    }
    if (parts.sources.length > 0) {
      const sources = node.entries.get("sources");
      if (sources?.node.kind === "list")
        node.entries.set("sources", { ...sources, node: { ...sources.node, items: parts.sources } });
    }
    policySection.entries.set(name, { ...entry, node });
  }
  effective.entries.set("policies", { keyPlace: root.entries.get("policies")?.keyPlace, node: policySection, range: undefined });

  refuseUrlSecret(context, root, ["control", "redis", "url"]);
  const drills = compileDrills(context, root, input, { hosts, assets, policies });
  const control = {
    state: plain.control?.state,
    redisUrl: plain.control?.redis?.url,
    web: { listen: plain.control?.web?.listen ?? "127.0.0.1:8080", publicUrl: plain.control?.web?.public_url },
  };
  const text = input.files.map((file) => file.text).join("\n");
  const config = { file: input.top.file, text, company, control, repositories, hosts, policies, assets, drills };
  return { config, source: { root: effective } };
}

function compileDrills(
  context: CompileContext,
  root: MapNode,
  input: CompileInput,
  known: { hosts: Map<string, CompiledHost>; assets: Map<string, CompiledAsset>; policies: Map<string, CompiledPolicy> },
): Map<string, CompiledDrill> {
  const drills = new Map<string, CompiledDrill>();
  const around = {
    hosts: known.hosts,
    assets: input.drillsOnly && input.assets === undefined ? undefined : known.assets,
    policies: known.policies,
    repositoriesKnown: !input.drillsOnly,
  };
  const assetPlaces = context.definitions.assets as Map<string, Place>;
  for (const name of known.assets.keys()) if (!assetPlaces.has(name)) assetPlaces.set(name, input.top);
  for (const [name, entry] of mapEntries(root, "drills")) {
    const file = input.files.find((one) => one.path === entry.keyPlace?.file);
    const text = entry.range === undefined || file === undefined ? "" : file.text.slice(...entry.range).trimEnd();
    const drill = compileDrill(context, name, entry.node as MapNode, text, around);
    if (drill !== undefined) drills.set(name, drill);
  }
  return drills;
}

function mergePolicy(context: CompileContext, root: MapNode, name: string, entry: MapEntry): MapNode {
  const own = entry.node as MapNode;
  const layers: Layer[] = [{ label: "built-in", node: nodeOf(policyDefaultValues) as MapNode }];
  const defaults = nodeAt(root, ["defaults", "policy"]);
  if (defaults?.kind === "map") layers.push({ label: "defaults.policy", node: defaults });
  const list = nodeAt(own, ["extends"]);
  if (list?.kind === "list") {
    list.items.forEach((item, index) => {
      if (item.kind !== "scalar") return;
      const template = resolveName(context, "templates", String(item.value), "template", where(context, own, ["extends", index]));
      const node = template === undefined ? undefined : nodeAt(root, ["templates", template]);
      if (node?.kind === "map") layers.push({ label: `templates.${template}`, node });
      // What it would have given is unknown now, so nothing can be called missing.
      else for (const key of ["repository", "sources", "hosts"]) own.pruned.add(key);
    });
  }
  const entries = new Map(own.entries);
  entries.delete("extends");
  layers.push({ label: `policies.${name}`, node: { ...own, entries } });
  return mergeLayers(layers);
}

function* mergedEntries(
  root: MapNode,
  effective: MapNode,
  section: "hosts" | "repositories",
  kind: string,
  builtIn: object,
): Generator<[string, MapNode]> {
  const merged = emptyMap(root.place);
  effective.entries.set(section, { keyPlace: root.entries.get(section)?.keyPlace, node: merged, range: undefined });
  const defaults = nodeAt(root, ["defaults", kind]);
  for (const [name, entry] of mapEntries(root, section)) {
    const layers: Layer[] = [{ label: "built-in", node: nodeOf(builtIn) as MapNode }];
    if (defaults?.kind === "map") layers.push({ label: `defaults.${kind}`, node: defaults });
    layers.push({ label: `${section}.${name}`, node: entry.node as MapNode });
    const node = mergeLayers(layers);
    merged.entries.set(name, { ...entry, node });
    yield [name, node];
  }
}

function mapEntries(root: MapNode, section: string): [string, MapEntry][] {
  const node = root.entries.get(section)?.node;
  return node?.kind === "map" ? [...node.entries].filter(([, entry]) => entry.node.kind === "map") : [];
}

function placesOf(root: MapNode, section: string): Map<string, Place> {
  const node = root.entries.get(section)?.node;
  const places = new Map<string, Place>();
  if (node?.kind !== "map") return places;
  const fallback = node.place ?? { file: "", line: 1, column: 1, endColumn: 1 };
  for (const [name, entry] of node.entries) places.set(name, entry.keyPlace ?? fallback);
  // Reported already: whoever refers to it is right.
  for (const name of node.pruned) places.set(name, fallback);
  return places;
}

function copyEntry(from: MapNode, to: MapNode, key: string): void {
  const entry = from.entries.get(key);
  if (entry !== undefined) to.entries.set(key, entry);
}
