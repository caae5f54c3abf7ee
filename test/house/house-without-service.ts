import { cp, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type CommandResult, createTempFolder, runCommand } from "../services/index.ts";

const root = join(import.meta.dirname, "../..");
const missingRooms = ["catalog", "queue", "scheduler", "worker", "web"];
/** With all that belongs to them: `pg` also means pg-pool and the like. */
const missingPackages = /^(bullmq|ioredis|@ioredis|kysely|pg|pg-.*|redis-.*)$/;

export interface HouseWithoutService extends AsyncDisposable {
  readonly folder: string;
  /** Runs the command line of that house. */
  lifeboat(args: readonly string[]): Promise<CommandResult>;
  /** Whether a module can be loaded from the command line's place. */
  canLoad(specifier: string): Promise<boolean>;
}

/**
 * A copy of the house as it is after a disaster: the rooms and packages of queue and history are not on the disk.
 * Everything else in node_modules is linked.
 */
export async function copyHouseWithoutService(): Promise<HouseWithoutService> {
  const temp = await createTempFolder("house");
  const modules = join(temp.path, "node_modules");
  await mkdir(join(modules, "@lifeboat"), { recursive: true });
  for (const room of await readdir(join(root, "packages"))) {
    if (missingRooms.includes(room)) continue;
    await cp(join(root, "packages", room), join(temp.path, "packages", room), {
      recursive: true,
      filter: (path) => !path.includes("/node_modules"),
    });
    await symlink(join(temp.path, "packages", room), join(modules, "@lifeboat", room));
  }
  for (const name of await readdir(join(root, "node_modules"))) {
    if (name === "@lifeboat" || name.startsWith(".") || missingPackages.test(name)) continue;
    await symlink(join(root, "node_modules", name), join(modules, name));
  }
  const program = join(temp.path, "packages/cli/bin/lifeboat.js");
  const environment = { HOME: temp.path, XDG_STATE_HOME: join(temp.path, "state") };
  return {
    folder: temp.path,
    lifeboat: (args) => runCommand(process.execPath, [program, ...args], { cwd: temp.path, env: environment, accept: "any" }),
    canLoad: async (specifier) => {
      const script = `await import(${JSON.stringify(specifier)})`;
      const args = ["--input-type=module", "-e", script];
      return (await runCommand(process.execPath, args, { cwd: join(temp.path, "packages/cli"), accept: "any" })).exitCode === 0;
    },
    [Symbol.asyncDispose]: temp.remove,
  };
}
