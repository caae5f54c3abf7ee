import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, unlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, messageOf } from "@lifeboat/model";
import { randomBytes } from "../../crypto/index.ts";
import { errnoOf } from "../local/local-errors.ts";
import { bodyLength, bodyParts } from "../object-body.ts";
import type { ObjectBody } from "../object-store.ts";
import { makeRoom } from "./make-room.ts";

/** What is kept: index files, snapshot files and packs of folders, each in a folder of its name. */
export type CachedKind = "index" | "snapshots" | "data";
const cachedKinds: readonly CachedKind[] = ["index", "snapshots", "data"];

export interface CacheOptions {
  /** Absolute path; each repository has a folder of its own in it. */
  readonly folder: string;
  readonly clock: Clock;
  /** For one repository; default 4 GiB. */
  readonly maxBytes?: number | undefined;
  /** Told once why nothing is kept: a full disk, a folder that cannot be written. Never an error. */
  readonly onProblem?: ((reason: string) => void) | undefined;
}

/** A file that is written beside its place. One of the two must be called; neither throws. */
export interface PendingFile {
  commit(): Promise<void>;
  drop(): Promise<void>;
}

const defaultMaxBytes = 4 * 1024 ** 3;
const dayMs = 24 * 60 * 60 * 1000;
const nothing: PendingFile = { commit: async () => {}, drop: async () => {} };

/**
 * The files of one repository that are kept on this machine. Everything here may be deleted, damaged or replaced at any time by
 * anybody: who reads compares the hash, and no member ever throws. Several processes may use it at once: a file is written beside its
 * place and renamed, so a kill leaves a whole file or a `tmp-` that is swept later.
 */
export class CacheFolder {
  readonly #path: string;
  readonly #options: CacheOptions;
  #prepared: Promise<boolean> | undefined;
  #room: Promise<number> | undefined;
  #bytesWritten = 0;
  #isFull = false;

  constructor(repositoryId: string, options: CacheOptions) {
    this.#path = join(options.folder, repositoryId);
    this.#options = options;
  }

  /** The file's bytes as they stand there, at most `maxBytes`; undefined when there is none that can be read. */
  async read(kind: CachedKind, id: string, maxBytes: number): Promise<Buffer | undefined> {
    if (!(await this.#prepare())) return undefined;
    const path = this.#fileOf(kind, id);
    let handle: FileHandle | undefined;
    try {
      // Neither through a link, nor waiting for who writes into a pipe that somebody put there.
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const found = await handle.stat();
      if (!found.isFile()) {
        // A folder there would be in the way of the right one.
        await this.remove(kind, id);
        return undefined;
      }
      if (found.size > maxBytes) return undefined;
      const bytes = Buffer.allocUnsafeSlow(found.size);
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
        if (bytesRead === 0) return undefined;
        at += bytesRead;
      }
      // When it was last of use, to the day: what was not for the longest time goes first.
      const now = this.#options.clock.now();
      if (now - found.mtimeMs > dayMs) await handle.utimes(new Date(now), new Date(now)).catch(() => {});
      return bytes;
    } catch {
      return undefined;
    } finally {
      await handle?.close().catch(() => {});
    }
  }

  /** Begins to write a file; the body must not change until this resolves. Not durable: what a power cut tears has another hash. */
  async begin(kind: CachedKind, id: string, body: ObjectBody): Promise<PendingFile> {
    const bytes = bodyLength(body);
    if (this.#isFull || !(await this.#prepare()) || !(await this.#hasRoom(bytes))) return nothing;
    const path = this.#fileOf(kind, id);
    const temporary = join(this.#path, `tmp-${Buffer.from(randomBytes(8)).toString("hex")}`);
    const drop = () => unlink(temporary).catch(() => {});
    try {
      const handle = await open(temporary, "wx", 0o600);
      try {
        for (const part of bodyParts(body)) {
          for (let at = 0; at < part.length; ) at += (await handle.write(part, at, part.length - at)).bytesWritten;
        }
      } finally {
        await handle.close();
      }
    } catch (error) {
      await drop();
      this.#giveUp(error);
      return nothing;
    }
    this.#bytesWritten += bytes;
    return {
      drop,
      commit: async () => {
        try {
          await mkdir(dirname(path), { mode: 0o700 }).catch((error: unknown) => {
            if (errnoOf(error) !== "EEXIST") throw error;
          });
          await rename(temporary, path);
        } catch (error) {
          await drop();
          this.#giveUp(error);
        }
      },
    };
  }

  async remove(kind: CachedKind, id: string): Promise<void> {
    if (await this.#prepare()) await rm(this.#fileOf(kind, id), { recursive: true, force: true }).catch(() => {});
  }

  /** Ids of what is kept of this kind. */
  async list(kind: CachedKind): Promise<Set<string>> {
    if (!(await this.#prepare())) return new Set();
    const names = await readdir(join(this.#path, kind)).catch(() => []);
    return new Set(names.filter((name) => /^[0-9a-f]{64}$/.test(name)));
  }

  #fileOf(kind: CachedKind, id: string): string {
    return join(this.#path, kind, id);
  }

  #prepare(): Promise<boolean> {
    this.#prepared ??= this.#makeFolder().catch((error: unknown) => {
      this.#giveUp(error);
      return false;
    });
    return this.#prepared;
  }

  async #makeFolder(): Promise<boolean> {
    const { folder, clock } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await mkdir(this.#path, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error;
    });
    const found = await lstat(this.#path);
    // In a folder that others can write, a link in the place of `index` would have us write and delete where it leads.
    if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
      throw new Error(`${this.#path} is not a folder that only this account can write`);
    }
    for (const kind of cachedKinds) {
      const below = await lstat(join(this.#path, kind)).catch(() => undefined);
      if (below !== undefined && !below.isDirectory()) throw new Error(`${join(this.#path, kind)} is not a folder`);
    }
    // Both are a help for others and of no use to us: backups pass over the folder, and the clean-up sees that it is in use.
    const tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder holds caches of Lifeboat; it may be deleted.\n";
    await writeFile(join(folder, "CACHEDIR.TAG"), tag, { flag: "wx", mode: 0o600 }).catch(() => {});
    const now = new Date(clock.now());
    await utimes(this.#path, now, now).catch(() => {});
    return true;
  }

  /** The first time it counts what is there, and removes what is old or too much. */
  async #hasRoom(bytes: number): Promise<boolean> {
    const maxBytes = this.#options.maxBytes ?? defaultMaxBytes;
    const { folder, clock } = this.#options;
    this.#room ??= makeRoom({ folder, own: this.#path, maxBytes, now: clock.now() });
    if ((await this.#room) + this.#bytesWritten + bytes <= maxBytes) return true;
    this.#giveUp(new Error(`it holds ${maxBytes} bytes, the most that it may`));
    return false;
  }

  /** A full disk does not become emptier while the run goes on: it is not asked again for each pack. */
  #giveUp(error: unknown): void {
    if (!this.#isFull) this.#options.onProblem?.(`nothing more is kept in ${this.#path}: ${messageOf(error)}`);
    this.#isFull = true;
  }
}
