import { type CompiledConfig, renderProblems } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";

/** For this room's tests: a real configuration around the given policies, so that defaults and names are the real ones. */
export function configOf(policies: string, more = ""): CompiledConfig {
  const text = `version: 1
company: { name: Test, timezone: Europe/Berlin }
repositories:
  main: { url: /srv/main, password: { env: MAIN } }
  dr: { url: /srv/dr, password: { env: DR } }
hosts:
  web1: { address: web1 }
policies:
${policies}
${more}`;
  const files = [{ path: "lifeboat.yaml", text }];
  const { config, problems } = parseConfig(files, { nowMs: 0 });
  if (config === undefined) throw new Error(renderProblems(problems, files));
  return config;
}

/** A policy "pNAME" of web1 with one source of that name. */
export function policyOf(name: string, lines: string): string {
  return `  p${name}:
    hosts: [web1]
    repository: main
    sources: [{ name: ${name}, type: files, paths: [/srv/${name}] }]
${lines.replace(/^ */gm, "    ")}
`;
}
