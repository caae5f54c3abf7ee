import type { ByteString, Clock, CompiledDrill, DumpFacts, Logger, Machine, SecretReference } from "@lifeboat/model";

export type AssetKind = "files" | "postgresql" | "sqlite";

/** The snapshot that stands for an asset in one drill. */
export interface SelectedSnapshot {
  readonly snapshotId: string;
  /** The moment the data stands for, milliseconds since 1970 (start of the dump or of the scan). */
  readonly timeMs: number;
  /** Repository's name or URL without secrets: the site under test. */
  readonly repository: string;
  readonly kind: AssetKind;
  /** Bytes to restore, whole asset. */
  readonly sizeBytes: number;
  /** What the dump program recorded; undefined where nothing was. */
  readonly facts?: DumpFacts;
}

/** One file of the snapshot with the hash of its content, computed from the repository's verified blobs. */
export interface SampledFile {
  /** Absolute, as in the snapshot. */
  readonly path: ByteString;
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A PostgreSQL server that a drill may write to. */
export interface PostgresServer {
  /** Folder of its Unix socket, or an address. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  /** e.g. "15.18". */
  readonly serverVersion: string;
  /** Folder with psql of that version; undefined: the machine's PATH. */
  readonly binFolder?: string | undefined;
}

export interface ThrowawayPostgres extends PostgresServer {
  stop(): Promise<void>;
}

/** What a drill needs from databases; the worker and the CLI wire the functions of the room remote. */
export interface DatabasePorts {
  /**
   * Starts a server from the machine's own packages. Everything of it lies in `folder`, which exists, is empty and belongs
   * to the login user. `majorVersion` is a wish: the nearest installed one is taken, `serverVersion` tells which.
   */
  startThrowawayPostgres(
    machine: Machine,
    options: { readonly folder: string; readonly majorVersion: string | undefined; readonly signal: AbortSignal },
  ): Promise<ThrowawayPostgres>;
  /** Loads a custom-format archive into the database, which exists and is empty. Rejects when any object fails. */
  loadPostgresDump(
    machine: Machine,
    options: {
      readonly server: PostgresServer;
      readonly database: string;
      readonly dump: AsyncIterable<Uint8Array>;
      readonly signal: AbortSignal;
    },
  ): Promise<void>;
  /** Loads the text of `.dump` into a new database file. */
  loadSqliteDump(
    machine: Machine,
    options: { readonly path: string; readonly dump: AsyncIterable<Uint8Array>; readonly signal: AbortSignal },
  ): Promise<void>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Bounded by `maxBodyBytes`. */
  readonly body: string;
}

/** Everything a drill reaches. The caller wires it; the drill itself opens no repository and no connection. */
export interface DrillPorts extends DatabasePorts {
  /** undefined: the worker itself. The caller closes machines; the drill does not. */
  machine(host: string | undefined): Promise<Machine>;
  /** undefined: no such host in the configuration. */
  hostPurpose(host: string): "production" | "scratch" | undefined;
  selectSnapshot(
    asset: string,
    pick: CompiledDrill["snapshot"],
    options: { readonly declaredAtMs: number; readonly random: () => number; readonly signal: AbortSignal },
  ): Promise<SelectedSnapshot>;
  /** Restores below `folder` as restic lays paths (`folder/full/path`). `folder` exists and is empty at the first call. */
  restoreFiles(options: {
    readonly snapshotId: string;
    readonly asset: string;
    /** Absolute paths in the snapshot; empty: everything. */
    readonly paths: readonly ByteString[];
    readonly machine: Machine;
    readonly folder: string;
    readonly signal: AbortSignal;
    readonly progress: (bytesDone: number) => void;
  }): Promise<{ readonly files: number; readonly bytes: number }>;
  openDump(options: {
    readonly snapshotId: string;
    readonly asset: string;
    readonly signal: AbortSignal;
  }): Promise<AsyncIterable<Uint8Array>>;
  /** Regular files below `paths` (empty: all), each taken with probability `ratio`, but ten where there are so many; bounded by `maxFiles`. */
  sampleFiles(options: {
    readonly snapshotId: string;
    readonly asset: string;
    readonly paths: readonly ByteString[];
    readonly ratio: number;
    readonly maxFiles: number;
    readonly random: () => number;
    readonly signal: AbortSignal;
  }): Promise<readonly SampledFile[]>;
  /** Rejects when nothing answers; an answer of any status resolves. Follows no redirect. */
  httpGet(
    url: string,
    options: { readonly timeoutMs: number; readonly maxBodyBytes: number; readonly signal: AbortSignal },
  ): Promise<HttpAnswer>;
  resolveSecret(reference: SecretReference, what: string): Promise<string>;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  random(): number;
  readonly logger: Logger;
  readonly installId: string;
  /** Stores the evidence (JSON of the report); resolves to where it lies. Not called for a drill that never began. */
  saveEvidence(bytes: Uint8Array): Promise<string>;
  /** For whoever watches. Must not throw. */
  progress?(event: DrillEvent): void;
}

/** One line of a running drill. */
export interface DrillEvent {
  readonly phase: "preflight" | "provisioning" | "step" | "check" | "control" | "teardown";
  /** Id of the step or check; the phase's own name otherwise. */
  readonly id: string;
  readonly state: "started" | "passed" | "failed" | "inconclusive" | "skipped";
  readonly detail: string;
  readonly atMs: number;
}

export interface DrillOptions {
  /** The run's id: "drill/shop-weekly@20261122T020000Z". */
  readonly runId: string;
  /** T0: the moment the drill was due or commanded, before any queue. */
  readonly declaredAtMs: number;
  /** Journal of what is created, on the worker; `sweepLeftovers` reads the folder it lies in. */
  readonly journalFile: string;
  /** A folder on every machine in which the drill may make its own; default "/tmp". */
  readonly workFolder?: string;
  /** Who or what started it, for the report. */
  readonly startedBy?: string;
  readonly configSha256?: string;
  readonly tool?: string;
  readonly signal?: AbortSignal;
}
