import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import { describeTree } from "../fixtures/tree-manifest.ts";
import { breakCommand, type CommandShape, watchCommand } from "./break-command.ts";
import type { BrokenCommand } from "./break-store.ts";
import { type FaultScene, openFaultScene, type PlaceUnderFault } from "./open-fault-scene.ts";
import { type FaultKind, type FaultPlan, planFaults } from "./plan-faults.ts";
import { CommandKitchen, erasable, type PreparedCommand } from "./prepare-command.ts";
import type { EndedLifeboat } from "./start-lifeboat.ts";

const isLong = process.env.LIFEBOAT_TEST_LONG === "1";
const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
const plans = planFaults(random, isLong).map((plan, index) => ({ ...plan, number: index + 1 }));

let scene: FaultScene;
let kitchen: CommandKitchen;
/** What each command did when it was last left alone, by command and place. */
const shapes = new Map<string, CommandShape>();
/** What broke, for whoever reads the log. */
const broken: string[] = [];

beforeAll(async () => {
  console.log(`${plans.length} faults, seed ${seed} (LIFEBOAT_TEST_SEED)`);
  // Mebibytes of the small disk: what backups and copies leave there grows with the number of faults.
  scene = await openFaultScene(seed, isLong ? 1024 : 256);
  kitchen = await CommandKitchen.open(scene, random);
}, 300_000);

afterAll(async () => {
  const counts = Object.entries(Object.groupBy(plans, ({ kind }) => kind)).map(([kind, of]) => `${kind}: ${of?.length}`);
  console.log(`${broken.length} faults of seed ${seed}:\n${[...broken, ...counts].join("\n")}`);
  await scene?.[Symbol.asyncDispose]();
});

/** What a command that could not do its work says: the store's or the host's fault, never damage. */
function expectedCode(kind: FaultKind): RegExp {
  if (kind === "SSH connection cut") return /connection-lost|host-unreachable/;
  if (kind === "disk full") return /store-full/;
  if (/^S3 (answers|connection)/.test(kind)) return /store-failed|store-unreachable/;
  return /store-unreachable/;
}

/** Packs that nobody needs any more may stay: the prune has done its work, and says that these are left. */
function leavesPacks(plan: FaultPlan, fired: string, { exitCode, stderr }: EndedLifeboat): boolean {
  if (plan.command !== "prune" || !/"DELETE data"/.test(fired)) return false;
  // Packs that no index names go first: what is to be moved cannot be stored then.
  const writesAfter = / that no index names/.test(stderr) && /^ *move /m.test(stderr);
  return !(writesAfter && exitCode === 1);
}

function expectFailure({ exitCode, signal, stderr, stdout }: EndedLifeboat, code: RegExp, name: string): void {
  const all = `${name}\n${signal ?? exitCode}\n${stdout}\n${stderr}`;
  expect(exitCode, all).toBe(1);
  const codes = [...stderr.matchAll(/\[([a-z]+(?:-[a-z]+)+)\]/g)].map(([, word]) => word);
  expect(codes, all).toEqual([expect.stringMatching(new RegExp(`^(?:${code.source})$`))]);
  expect(stderr, all).toMatch(/^ {2}next /m);
  expect(stderr, all).not.toMatch(/^ +at .*:\d+:\d+/m);
}

async function expectSound({ restic, name: place }: PlaceUnderFault, flags: readonly string[], name: string): Promise<void> {
  const { exitCode, stdout, stderr } = await restic.run(["check", ...flags], { accept: "any" });
  const isClean = exitCode === 0 && stdout.includes("no errors were found");
  expect(isClean ? "no errors were found" : `exit code ${exitCode}\n${stdout}${stderr}`, `${place}: ${name}`).toBe(
    "no errors were found",
  );
}

async function restoreByRestic<T>(place: PlaceUnderFault, id: string, look: (folder: string) => Promise<T> | T): Promise<T> {
  const target = join(scene.folder, `by restic ${id.slice(0, 8)}`);
  await place.restic.run(["restore", "--no-lock", id, "--target", target]);
  const seen = await look(join(target, scene.tree.folder));
  await rm(target, { recursive: true });
  return seen;
}

async function expectFirstWhole(place: PlaceUnderFault, name: string): Promise<void> {
  const differences = await restoreByRestic(place, kitchen.first.get(place)!, (folder) => compareTrees(scene.frozen, folder));
  expect(differences, `${place.name}: ${name}`).toEqual([]);
}

const keyOf = ({ command, place }: FaultPlan) => `${command} ${place === "disk" ? "on disk" : ""}`;

/** The latest that did as many kinds of things as any before: one that goes on after a failure may have little left to do. */
function noteShape(plan: FaultPlan, shape: CommandShape): void {
  const kinds = (of: CommandShape | undefined) => new Set(of?.classes).size + (of?.folderChanges ?? 0);
  const before = shapes.get(keyOf(plan));
  if (before === undefined || kinds(shape) >= kinds(before)) shapes.set(keyOf(plan), shape);
}

/** Breaks it at a random point; where the command never came to it, at the first one, and then fails. */
async function breakOnce(
  asked: FaultPlan,
): Promise<{ plan: FaultPlan; command: PreparedCommand; before: string[][]; fault: BrokenCommand }> {
  for (const [attempt, early] of [false, true, true, true, true].entries()) {
    // Some have nothing left to do, as a rewrite where all is rewritten: a backup always has.
    const plan: FaultPlan =
      attempt < 3 ? asked : { ...asked, command: "backup", place: asked.place === "disk" ? "disk" : "main" };
    let shape = shapes.get(keyOf(plan));
    if (shape === undefined) {
      const command = await kitchen.prepare(plan);
      const [{ exitCode, stderr }, watched] = await watchCommand(scene, command);
      expect(exitCode, stderr).toBe(0);
      noteShape(plan, watched);
      shape = watched;
    }
    const command = await kitchen.prepare(plan);
    const before = await Promise.all(command.touched.map((place) => place.names("snapshots")));
    const fault = await breakCommand(scene, plan, command, { shape, random, early });
    if (fault.fired !== undefined) return { plan, command, before, fault };
    const { exitCode, signal, stderr } = fault.ended;
    expect(exitCode, `no fault, and yet ${signal ?? exitCode}: ${stderr}`).toBe(0);
  }
  throw new Error("the fault never fired");
}

test.for(plans)("fault $number: $kind, $form, $command, $place", { timeout: 600_000 }, async ({ number, ...asked }, { skip }) => {
  if (asked.kind === "disk full" && typeof scene.disk === "string") skip(scene.disk);
  const { plan, command, before, fault } = await breakOnce(asked);
  const name = `fault ${number} of seed ${seed}: ${plan.kind}, ${plan.form}, ${plan.command} ${plan.place}, ${fault.fired}`;
  broken.push(name);
  if (plan.form === "passing") expect(fault.ended.exitCode, `${name}\n${fault.ended.stderr}`).toBe(0);
  else if (plan.kind.startsWith("SIGKILL")) expect([null, 0], name).toContain(fault.ended.exitCode);
  else if (leavesPacks(plan, String(fault.fired), fault.ended)) {
    expect(fault.ended.exitCode, `${name}\n${fault.ended.stderr}`).toBe(3);
    expect(fault.ended.stderr, name).toContain("that nobody needs could not be deleted");
  } else expectFailure(fault.ended, expectedCode(plan.kind), name);

  // Each look is at the whole repository: what costs more comes in every fourth round, and after each prune.
  const isRound = number % 4 === 0 || plan.command === "prune";
  await Promise.all(
    command.touched.map(async (place, index) => {
      const names = await place.names("snapshots");
      const gone = before[index]!.filter((id) => !names.includes(id));
      if (command.mayRemove) expect(names, name).toContain(kitchen.first.get(place));
      else expect(gone, name).toEqual([]);
      await expectSound(place, ["--no-lock", ...(plan.command === "prune" ? ["--read-data"] : [])], name);
      if (isRound) await expectFirstWhole(place, name);
    }),
  );
  if (plan.form === "lasting") {
    const [{ exitCode, stderr }, shape] = await watchCommand(scene, command);
    const wasDone = fault.ended.signal !== null && command.nothingLeft?.test(stderr) === true;
    if (!wasDone) expect(exitCode, `the next run after ${name}\n${stderr}`).toBe(0);
    if (!wasDone) noteShape(plan, shape);
  }
  await command.judge();
  for (const place of command.touched) {
    expect(await place.names("locks"), name).toEqual([]);
    if (isRound) await expectSound(place, [], `after the next run: ${name}`);
  }
});

test("in the end every snapshot of every repository restores to what the tree was", async () => {
  for (const place of Object.values(scene.places)) {
    await expectSound(place, ["--read-data"], "in the end");
    await expectFirstWhole(place, "in the end");
    for (const id of await place.names("snapshots")) {
      if (id === kitchen.first.get(place)) continue;
      const restored = await restoreByRestic(place, id, describeTree);
      const was = kitchen.trees.get(restored["etc/conf.d/a.conf"]!.split(" ").at(-1)!);
      expect(was, `seed ${seed}: ${place.name} ${id} is no tree that ever was`).toBeDefined();
      const lacking = Object.keys(was!).filter((path) => !(path in restored));
      expect(
        lacking.filter((path) => !erasable.test(path)),
        `seed ${seed}: ${place.name} ${id}`,
      ).toEqual([]);
      expect({ ...restored, ...Object.fromEntries(lacking.map((path) => [path, was![path]])) }).toEqual(was);
    }
  }
}, 1_800_000);
