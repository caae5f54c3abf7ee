import type { ByteString } from "@lifeboat/model";
import { randomBytes } from "../crypto/index.ts";

/** Each restore has its own: what a killed one left running may still be moving. The target removes those of others. */
const stageName = () => `.lifeboat-restore-${Buffer.from(randomBytes(4)).toString("hex")}`;

/**
 * Where finished files wait until they are renamed over what they replace: in a folder at the target's top and, because a rename does
 * not leave a file system, in one at the top of each other file system below it.
 */
export class StagePlaces {
  readonly #name = stageName();
  /** Of each folder: the nearest above it, or itself, from where a rename reaches it. "" is the target. */
  readonly #tops = new Map<ByteString, { readonly top: ByteString; readonly device: string | undefined }>();
  readonly #used = new Set<ByteString>();

  constructor() {
    this.setRoot(undefined);
  }

  setRoot(device: string | undefined): void {
    this.#tops.set("" as ByteString, { top: "" as ByteString, device });
  }

  /** Folders come before what they hold. `device` is undefined for one that is not there yet. */
  add(path: ByteString, device: string | undefined): void {
    const above = this.#tops.get(parentOf(path)) ?? { top: "" as ByteString, device: undefined };
    const sameDevice = device === undefined || above.device === undefined || device === above.device;
    this.#tops.set(path, sameDevice ? above : { top: path, device });
  }

  /** The place in a stage for something that replaces what stands at `path`. */
  placeOf(path: ByteString): ByteString {
    const { top } = this.#tops.get(parentOf(path))!;
    const stage = join(top, this.#name);
    this.#used.add(stage);
    return join(stage, top === "" ? path : path.slice(top.length + 1));
  }

  /** The one at the top is always among them: it is how what a killed restore left is removed. */
  used(): ByteString[] {
    return [...this.#used.add(this.#name as ByteString)];
  }
}

/** Which stage a staged path lies in, its folder there ("." for the stage itself), and the path that it is for. */
export function splitStaged(
  staged: ByteString,
  stages: readonly ByteString[],
): { readonly stage: ByteString; readonly folder: ByteString; readonly path: ByteString } | undefined {
  const stage = stages.find((one) => staged.startsWith(`${one}/`));
  if (stage === undefined) return undefined;
  const rest = staged.slice(stage.length + 1) as ByteString;
  const top = parentOf(stage);
  const folder = parentOf(rest);
  return { stage, folder: folder === "" ? ("." as ByteString) : folder, path: join(top, rest) };
}

function join(folder: ByteString, name: string): ByteString {
  return (folder === "" ? name : `${folder}/${name}`) as ByteString;
}

/** "" for a name at the top. */
export function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) as ByteString;
}
