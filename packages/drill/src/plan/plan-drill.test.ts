import type { CompiledDrill, CompiledDrillCheck, CompiledDrillStep, CompiledDrillTarget } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import { ownRoot, planDrill } from "./plan-drill.ts";
import { makeRunToken, substitute, targetsIn } from "./substitute.ts";

const step = (id: string, more: Partial<CompiledDrillStep>) =>
  ({ id, needs: [], timeoutSeconds: 60, kind: "restore", asset: "web1/www", to: "dir", paths: [], ...more }) as CompiledDrillStep;
const check = (id: string, more: object) =>
  ({
    id,
    after: "a",
    needs: [],
    severity: "fail",
    timeoutSeconds: 60,
    control: { kind: "auto" },
    type: "file_hash",
    sampleRatio: 1,
    against: "snapshot",
    ...more,
  }) as CompiledDrillCheck;

function plan(more: Partial<CompiledDrill>) {
  const dir: CompiledDrillTarget = { id: "dir", host: undefined, type: "directory", path: "/srv/{run}", minFreeBytes: 0 };
  const drill: CompiledDrill = {
    name: "d",
    description: undefined,
    owner: undefined,
    schedule: undefined,
    snapshot: { from: undefined, pick: { kind: "latest" } },
    objectives: { rtoSeconds: undefined, rpoSeconds: undefined },
    deadlineSeconds: 60,
    targets: new Map([["dir", dir]]),
    steps: [step("a", {})],
    checks: [check("c", {})],
    teardown: { keepOnFailureSeconds: 0, run: undefined },
    text: "",
    ...more,
  };
  return planDrill(drill, "token", () => "scratch");
}

const directory = (path: string) =>
  new Map<string, CompiledDrillTarget>([["dir", { id: "dir", host: undefined, type: "directory", path, minFreeBytes: 0 }]]);

const database = (name: string) =>
  new Map<string, CompiledDrillTarget>([
    ["pg", { id: "pg", host: undefined, type: "postgresql", server: { kind: "throwaway" }, database: name }],
  ]);

describe("planDrill", () => {
  const faulty: [string, Partial<CompiledDrill>, RegExp][] = [
    ["an id that stands twice", { checks: [check("a", {})] }, /id "a" is used twice/],
    ["a need that is no step", { steps: [step("a", { needs: ["zz"] })] }, /needs "zz", which is no step/],
    ["steps in a circle", { steps: [step("a", { needs: ["b"] }), step("b", { needs: ["a"] })] }, /needs itself, in a circle/],
    ["a target without {run}", { targets: directory("/srv/fixed") }, /"\/srv\/fixed" does not hold \{run\}/],
    ["a path that leads elsewhere", { targets: directory("/srv/{run}/../../etc") }, /is not a plain absolute path/],
    [
      "a database whose name PostgreSQL would cut",
      { targets: new Map([...directory("/srv/{run}"), ...database(`${"ä".repeat(30)}{run}`)]) },
      /has 65 bytes with \{run\} filled in, 63 are possible/,
    ],
    ["a restore to nowhere", { steps: [step("a", { to: "zz" } as never)] }, /restores to "zz", which is no target/],
    [
      "files asked like a database",
      { checks: [check("c", { type: "sql", query: "select 1", expect: "1" })] },
      /no restore into a postgresql or sqlite target/,
    ],
    [
      "a command's unknown target",
      { checks: [check("c", { type: "command", run: { host: undefined, command: ["ls", "{zz.path}"] } })] },
      /names the target "zz", which is none/,
    ],
    [
      "a command on another machine than its target",
      { checks: [check("c", { type: "command", run: { host: "drill2", command: ["ls", "{dir.path}"] } })] },
      /runs on drill2, but its target "dir" lies on the worker/,
    ],
  ];
  for (const [name, more, message] of faulty) {
    it(`refuses ${name}`, () => expect(() => plan(more)).toThrow(message));
  }

  it("names every fault at once", () => {
    expect(() => plan({ steps: [step("a", { needs: ["zz"], to: "yy" } as never)] })).toThrow(/"zz".*"yy"/);
  });

  it("takes the topmost part of a path that carries {run} as the drill's own", () => {
    expect(ownRoot("/srv/drill/{run}", "t")).toBe("/srv/drill/t");
    expect(ownRoot("/srv/x-{run}/deep/er", "t")).toBe("/srv/x-t");
  });
});

describe("place holders", () => {
  it("are filled in word by word; other braces and what a value holds stay as they are", async () => {
    const look = async (id: string, property: string) => (id === "pg.x" ? `{run}-${property}` : undefined);
    expect(await substitute(["{pg.x.url_file}:{run}", "{}", "{a b}", "{pg.x.path}{pg.x.port}"], "R", look)).toEqual([
      "{run}-url_file:R",
      "{}",
      "{a b}",
      "{run}-path{run}-port",
    ]);
    await expect(substitute(["{zz.path}"], "R", look)).rejects.toThrow(/no such target/);
    expect(targetsIn(["{a.path}{b.url_file}", "{a.path}", "{run}"])).toEqual(["a", "b"]);
  });

  it("the run's token fits into the 63 bytes of a database's name", () => {
    const token = makeRunToken("a".repeat(63), Date.parse("2026-11-22T02:00:00Z"), () => 0.5);
    expect(token).toBe(`${"a".repeat(20)}_20261122t020000z_qqqqqq`);
    expect(`drill_${token}`.length).toBeLessThanOrEqual(63);
  });
});
