import { byteString } from "@lifeboat/model";
import { expect, test } from "vitest";
import { PathRules, waysTo } from "./path-rules.ts";

test.each([
  ["/home/*/.cache/keep", ["/", "/home", "/home/*", "/home/*/.cache"]],
  ["/srv/**/keep", ["/", "/srv", "/srv/**"]],
  ["/srv/x**y/keep/", ["/", "/srv", "/srv/x**"]],
  ["/keep", ["/"]],
  ["*.iso", ["/", "/**"]],
  ["a/b", ["/", "/**"]],
  ["/srv/[a/b]/keep", ["/", "/**"]],
])("folders that lead to %s", (glob, ways) => {
  expect(waysTo([glob])).toEqual(ways);
});

/** By the rule's own words, with nothing cut short: of all matches on the way down the last one counts. */
function isKept(exclude: readonly RegExp[], include: readonly RegExp[], path: string): boolean {
  let kept = true;
  const parts = path.split("/").slice(1);
  for (let depth = 1; depth <= parts.length; depth++) {
    const at = `/${parts.slice(0, depth).join("/")}`;
    if (include.some((one) => one.test(at))) kept = true;
    else if (exclude.some((one) => one.test(at))) kept = false;
  }
  return kept;
}

test("whatever belongs to the source is reached, and nothing else is kept", () => {
  const globs: readonly [string, RegExp][] = [
    ["a", /\/a$/],
    ["/a", /^\/a$/],
    ["/a/*", /^\/a\/[^/]*$/],
    ["/a/b", /^\/a\/b$/],
    ["/**/b", /^\/(.*\/)?b$/],
    ["b/a", /\/b\/a$/],
    ["/a/**", /^\/a\/.*$/],
    ["/*/c/a", /^\/[^/]*\/c\/a$/],
  ];
  const names = ["a", "b", "c"];
  const paths: string[] = [];
  const grow = (path: string, depth: number) => {
    for (const name of names) {
      paths.push(`${path}/${name}`);
      if (depth < 3) grow(`${path}/${name}`, depth + 1);
    }
  };
  grow("", 0);
  let exceptions = 0;
  for (const [exclude, excludes] of globs) {
    for (const [include, includes] of globs) {
      const rules = new PathRules({ exclude: [exclude], include: [include] });
      for (const path of paths) {
        let standing: "in" | "way" | "out" = "in";
        const parts = path.split("/").slice(1);
        for (let depth = 1; depth <= parts.length && standing !== "out"; depth++)
          standing = rules.standing(byteString(`/${parts.slice(0, depth).join("/")}`), true, standing);
        const kept = isKept([excludes], [includes], path);
        expect([exclude, include, path, standing === "in"]).toEqual([exclude, include, path, kept]);
        if (kept && !isKept([excludes], [], path)) exceptions++;
      }
    }
  }
  expect(exceptions).toBeGreaterThan(500);
});
