import { describe, expect, test } from "vitest";
import { describeViolations, type HouseRule } from "./house-rule.ts";
import { bareHands } from "./rules/bare-hands.ts";
import { declaredDependencies } from "./rules/declared-dependencies.ts";
import { doorsAreExplicit } from "./rules/doors-are-explicit.ts";
import { filesStaySmall } from "./rules/files-stay-small.ts";
import { modelIsPure } from "./rules/model-is-pure.ts";
import { namesSayWhatIsInside } from "./rules/names.ts";
import { nothingOfOneMachine } from "./rules/nothing-of-one-machine.ts";
import { oneDoorEach } from "./rules/one-door.ts";
import { onlyHostTouchesTheMachine } from "./rules/only-host-touches-the-machine.ts";
import { skipsSayWhy } from "./rules/skips-say-why.ts";
import { testsStayOutside } from "./rules/tests-stay-outside.ts";
import { whoImportsWhom } from "./rules/who-imports-whom.ts";
import { readSourceTree } from "./source-tree.ts";

const rules: readonly HouseRule[] = [
  whoImportsWhom,
  oneDoorEach,
  onlyHostTouchesTheMachine,
  modelIsPure,
  bareHands,
  declaredDependencies,
  testsStayOutside,
  doorsAreExplicit,
  namesSayWhatIsInside,
  filesStaySmall,
  skipsSayWhy,
  nothingOfOneMachine,
];

const house = readSourceTree(new URL("../../", import.meta.url).pathname);

test("the whole house is read", () => {
  const rooms = new Set([...house.keys()].map((path) => /^packages\/([^/]+)\/src\/index\.ts$/.exec(path)?.[1]).filter(Boolean));
  const expected = [
    "catalog",
    "cli",
    "drill",
    "engine",
    "host",
    "jobs",
    "model",
    "queue",
    "remote",
    "scheduler",
    "web",
    "worker",
  ];
  expect([...rooms].sort()).toEqual(expected);
  expect(house.has("package-lock.json")).toBe(true);
});

describe.each(rules)("$name", (rule) => {
  test("holds", () => {
    const violations = rule.check(house);
    expect(violations.length === 0, describeViolations(rule, violations)).toBe(true);
  });

  test("fails on a house that breaks it, at the right places and nowhere else", () => {
    const violations = rule.check(new Map(Object.entries(rule.broken.files)));
    const places = new Set(violations.map(({ path, line }) => `${path}:${line}`));
    expect([...places].sort()).toEqual([...rule.broken.expected].sort());
  });
});
