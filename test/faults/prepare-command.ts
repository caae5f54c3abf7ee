import { join } from "node:path";
import { expect } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import type { createSeededRandom } from "../fixtures/seeded-random.ts";
import { describeTree, type TreeManifest } from "../fixtures/tree-manifest.ts";
import { moreThanOnePackBytes } from "./changing-tree.ts";
import type { FaultScene, PlaceUnderFault } from "./open-fault-scene.ts";
import { brokenAtHostBytes, type FaultPlan } from "./plan-faults.ts";
import { runLifeboat } from "./run-lifeboat.ts";

export interface PreparedCommand {
  readonly args: readonly string[];
  /** What a person runs after it has failed. */
  readonly again: readonly string[];
  readonly touched: readonly PlaceUnderFault[];
  /** Whether a snapshot that was there may be gone afterwards. */
  readonly mayRemove: boolean;
  /** What the next run says when the one that was killed had ended its work but for its lock. */
  readonly nothingLeft?: RegExp;
  /** Looks at what a command that succeeded has made. */
  judge(): Promise<void>;
}

/** What at least comes from the host in a run that is broken after a number of bytes. */
export const bytesFromHost = 3 * 1024 * 1024;

/** Rewritten snapshots lack some of these, no snapshot lacks anything else. */
export const erasable = /^srv\/uploads\/file-2[234] /;

/** Prepares what is needed so that a command has something to do. */
export class CommandKitchen {
  readonly #scene: FaultScene;
  readonly #random: ReturnType<typeof createSeededRandom>;
  /** By place: the snapshot that no command may touch. */
  readonly first: ReadonlyMap<PlaceUnderFault, string>;
  /** What the tree was, by what its a.conf says. */
  readonly trees = new Map<string, TreeManifest>();
  #uncopied = 0;
  #count = 0;

  static async open(scene: FaultScene, random: ReturnType<typeof createSeededRandom>): Promise<CommandKitchen> {
    const first = new Map<PlaceUnderFault, string>();
    for (const place of Object.values(scene.places)) {
      const [id, ...others] = await place.names("snapshots");
      if (id === undefined || others.length > 0) throw new Error(`${place.name} has not one snapshot`);
      first.set(place, id);
    }
    const kitchen = new CommandKitchen(scene, random, first);
    // Copies of the first snapshots stand in other places, where they are no longer the first.
    kitchen.#noteTree();
    return kitchen;
  }

  private constructor(scene: FaultScene, random: ReturnType<typeof createSeededRandom>, first: Map<PlaceUnderFault, string>) {
    this.#scene = scene;
    this.#random = random;
    this.first = first;
  }

  async prepare({ command, place: name, kind }: Pick<FaultPlan, "command" | "place" | "kind">): Promise<PreparedCommand> {
    const { places } = this.#scene;
    const place = places[name];
    this.#count++;
    const on = ["--repo", name];
    const plain = (args: string[], more: Partial<PreparedCommand> = {}): PreparedCommand => {
      const all = ["--config", this.#scene.configFile, ...args];
      return { args: all, again: all, touched: [place], mayRemove: false, judge: async () => {}, ...more };
    };
    switch (command) {
      case "backup":
        if (brokenAtHostBytes.includes(kind)) await this.#changeTree(bytesFromHost);
        else await this.#changeTree(kind === "disk full" || this.#random.below(8) === 0 ? moreThanOnePackBytes : undefined);
        if (name === "main") this.#uncopied++;
        return plain(["backup", "run", name === "disk" ? "web1/disk" : "web1/tree", "--here"]);
      case "copy":
        if (this.#uncopied === 0) await this.#backUp();
        this.#uncopied = 0;
        return plain(["copy", "--repo", "main", "--to-repo", name], { touched: [places.main, place] });
      case "prune":
        await this.#forgetSome(place);
        return plain(["repo", "prune", ...on, "--yes", "--max-unused", this.#random.below(2) === 0 ? "0%" : "5%"]);
      case "forget": {
        const asset = name === "disk" ? "web1/disk" : "web1/tree";
        // Besides those of the asset there is the first one, and on the disk what was copied there.
        const all = (await place.names("snapshots")).length;
        const ofAsset = ["snapshots", "--no-lock", "--json", "--tag", `asset=${asset}`];
        const count = (JSON.parse((await place.restic.run(ofAsset)).stdout) as unknown[]).length;
        if (count < 2) return this.prepare({ command: "backup", place: name, kind });
        const keep = Math.max(1, count - 1 - this.#random.below(3));
        return plain(["snapshots", "forget", ...on, "--asset", asset, "--keep-last", String(keep), "--yes"], {
          mayRemove: true,
          judge: async () => expect(await place.names("snapshots")).toHaveLength(all - (count - keep)),
        });
      }
      case "rewrite": {
        const [id] = await this.#someSnapshots(place, 1);
        if (id === undefined) return this.prepare({ command: "backup", place: name, kind });
        const pattern = `file-2${2 + this.#random.below(3)} *`;
        const nothingLeft = /\[snapshot-not-found\]/;
        return plain(["rewrite", id, ...on, "--exclude", pattern, "--yes"], { mayRemove: true, nothingLeft });
      }
      case "restore": {
        const target = join(this.#scene.folder, `restored-${this.#count}`);
        const asset = name === "disk" ? "web1/start" : "web1/first";
        const prepared = plain(["restore", `${asset}@latest`, ...on, "--to", target]);
        const judge = async () =>
          expect(await compareTrees(this.#scene.frozen, join(target, this.#scene.tree.folder))).toEqual([]);
        return { ...prepared, again: [...prepared.args, "--resume"], judge };
      }
      case "check":
        return plain(["repo", "check", ...on, "--read-data"]);
    }
  }

  #noteTree(): void {
    const manifest = describeTree(this.#scene.tree.folder);
    this.trees.set(manifest["etc/conf.d/a.conf"]!.split(" ").at(-1)!, manifest);
  }

  async #changeTree(largeBytes = 1000): Promise<void> {
    await this.#scene.tree.change({ largeBytes });
    this.#noteTree();
  }

  async #backUp(): Promise<void> {
    await this.#changeTree();
    const { folder, configFile } = this.#scene;
    const { exitCode, stderr } = await runLifeboat(folder, ["--config", configFile, "backup", "run", "web1/tree", "--here"]);
    expect(exitCode, stderr).toBe(0);
  }

  async #someSnapshots(place: PlaceUnderFault, most: number): Promise<string[]> {
    const ids = (await place.names("snapshots")).filter((id) => id !== this.first.get(place)).toSorted();
    const chosen: string[] = [];
    while (chosen.length < most && ids.length > 0) chosen.push(...ids.splice(this.#random.below(ids.length), 1));
    return chosen;
  }

  /** By stock restic, so that a prune has something to remove; some are left in any case. */
  async #forgetSome(place: PlaceUnderFault): Promise<void> {
    const count = (await place.names("snapshots")).length;
    if (count > 3) await place.restic.run(["forget", ...(await this.#someSnapshots(place, Math.min(2, count - 3)))]);
  }
}
