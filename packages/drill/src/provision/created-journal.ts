import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { LifeboatError, messageOf, type SecretReference } from "@lifeboat/model";

/** One thing that a drill makes outside the worker's memory, noted before it is made. Holds no secret. */
export type CreatedThing = { readonly host: string | null } & (
  | { readonly kind: "tree"; readonly path: string; readonly what: string; readonly alsoSuffixes?: readonly string[] }
  /** A server in its own folder; the folder is a `tree` of its own. */
  | { readonly kind: "postgres-server"; readonly folder: string }
  | {
      readonly kind: "postgres-database";
      readonly database: string;
      readonly target: string;
      readonly address: string;
      readonly port: number;
      readonly user: string;
      readonly password: SecretReference | null;
    }
  /** Programs started by steps and checks, found by the marker in their environment. */
  | { readonly kind: "programs"; readonly run: string }
);

export interface JournalHead {
  readonly schema: "lifeboat.drill-journal/1";
  readonly drill: string;
  readonly run: string;
  /** After this moment (ms since 1970) whatever is still there is swept. */
  expiresAtMs: number;
}

/**
 * A file of JSON lines, synced before each thing is created, so that whatever a killed drill leaves is known.
 * The file goes when all is verified gone.
 */
export interface CreatedJournal {
  readonly file: string;
  add(thing: CreatedThing): Promise<void>;
  /** Later sweeping, for `keep_on_failure`. */
  postpone(expiresAtMs: number): Promise<void>;
  /** In the order of creation. */
  things(): readonly CreatedThing[];
  /** It is verified gone, and need not be looked for again. */
  forget(thing: CreatedThing): void;
  /** It was never made, because something of its name was there before: no teardown or sweep may touch that. */
  disown(thing: CreatedThing): Promise<void>;
  close(options: { readonly remove: boolean }): Promise<void>;
}

export async function openCreatedJournal(file: string, head: Omit<JournalHead, "schema">): Promise<CreatedJournal> {
  const things: CreatedThing[] = [];
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(file, "wx", 0o600);
    const append = async (line: object): Promise<void> => {
      await handle.appendFile(`${JSON.stringify(line)}\n`);
      await handle.datasync();
    };
    await append({ schema: "lifeboat.drill-journal/1", ...head });
    return {
      file,
      things: () => things,
      async add(thing) {
        await append(thing);
        things.push(thing);
      },
      async postpone(expiresAtMs) {
        await append({ schema: "lifeboat.drill-journal/1", ...head, expiresAtMs });
      },
      forget(thing) {
        things.splice(things.indexOf(thing), 1);
      },
      async disown(thing) {
        await append({ disowned: thing });
        things.splice(things.indexOf(thing), 1);
      },
      async close({ remove }) {
        await handle.close();
        if (remove) await rm(file, { force: true });
      },
    };
  } catch (error) {
    throw new LifeboatError("drill-target-failed", `the drill's journal ${file} could not be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Reads a journal that some drill left. A torn last line is what a kill leaves: the thing was not made yet. */
export async function readCreatedJournal(file: string): Promise<{ head: JournalHead; things: CreatedThing[] } | undefined> {
  let head: JournalHead | undefined;
  const things: CreatedThing[] = [];
  for (const line of (await readFile(file, "utf8")).split("\n")) {
    if (line === "") continue;
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch {
      continue;
    }
    if (typeof entry !== "object" || entry === null) continue;
    if ("schema" in entry) head = entry as JournalHead;
    else if ("disowned" in entry) disown(things, entry.disowned);
    else things.push(entry as CreatedThing);
  }
  return head === undefined ? undefined : { head, things };
}

function disown(things: CreatedThing[], thing: unknown): void {
  const text = JSON.stringify(thing);
  const at = things.findLastIndex((one) => JSON.stringify(one) === text);
  if (at >= 0) things.splice(at, 1);
}
