import type { ByteString } from "../bytes/byte-string.ts";
import type { FileSelection } from "../files/file-selection.ts";
import type { RateLimits } from "../schedule/rate-limits.ts";
import type { SecretReference } from "../secrets/secret-reference.ts";

/**
 * The configuration after reading, merging, checking and defaulting: no optional value is left open that has a default,
 * units are resolved into numbers. Durations are seconds (`...Seconds`), sizes bytes (`...Bytes`).
 */
export interface CompiledConfig {
  /** Path of the file as found. */
  readonly file: string;
  /** SHA-256 is not computed here (model is pure): the text of all files in order, for whoever needs the hash. */
  readonly text: string;
  readonly company: { readonly name: string; readonly timezone: string };
  readonly control: CompiledControl;
  readonly repositories: ReadonlyMap<string, CompiledRepository>;
  readonly hosts: ReadonlyMap<string, CompiledHost>;
  readonly policies: ReadonlyMap<string, CompiledPolicy>;
  /** By "HOST/SOURCE". */
  readonly assets: ReadonlyMap<string, CompiledAsset>;
  readonly drills: ReadonlyMap<string, CompiledDrill>;
}

export interface CompiledControl {
  /** control.state; undefined: the default of the room host. */
  readonly state: string | undefined;
  /** control.redis.url; undefined: `lifeboat up` starts its own redis-server. */
  readonly redisUrl: string | undefined;
  readonly web: { readonly listen: string; readonly publicUrl: string | undefined };
}

export interface CompiledRepository {
  readonly name: string;
  /** As restic spells it: "/srv/repo", "s3:http://host:port/bucket/prefix". */
  readonly url: string;
  readonly password: SecretReference;
  readonly credentials:
    | { readonly kind: "chain"; readonly profile: string | undefined }
    | { readonly kind: "keys"; readonly accessKeyId: SecretReference; readonly secretAccessKey: SecretReference };
  /** undefined: as fast as it goes. */
  readonly limits: RateLimits | undefined;
  readonly verify: { readonly everyByteWithinSeconds: number; readonly maxBytesPerDay: number } | undefined;
  readonly prune: { readonly schedule: CompiledSchedule; readonly maxUnusedRatio: number } | undefined;
  readonly check: { readonly schedule: CompiledSchedule; readonly readData: boolean } | undefined;
}

export type FileTransfer = "auto" | "tar" | "sftp";

export interface CompiledHost {
  readonly name: string;
  readonly address: string;
  /** undefined here and below: ssh_config may say it, else the default counts (port 22, user root). */
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** Path of the private key; undefined: those of ssh_config, else agent and the default keys. */
  readonly identity: string | undefined;
  readonly passphrase: SecretReference | undefined;
  /** Hosts on the way, nearest first; empty: none. */
  readonly jumps: readonly CompiledHost[] | undefined;
  /** Path of the one file to look into; false: none. */
  readonly sshConfig: string | false | undefined;
  readonly password: SecretReference | undefined;
  /** Path of a known_hosts file; undefined: those of ssh_config, else ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. */
  readonly knownHosts: string | undefined;
  /** Pinned fingerprint "SHA256:..."; undefined: known_hosts decides. */
  readonly hostKey: string | undefined;
  readonly sudo: boolean;
  readonly nice: boolean;
  /** Received from the host, in a second; undefined: as fast as it goes. */
  readonly maxBytesPerSecond: number | undefined;
  /** SSH connections that are used at once, as long as there is enough to do. */
  readonly connections: number;
  /** How files are read: by GNU find and tar, over SFTP, or the first where it can be and else the second. */
  readonly transfer: FileTransfer;
  /** Changed files from so many bytes on are compared with the last snapshot by hashes; undefined: never. */
  readonly rangeHashesFromBytes: number | undefined;
  readonly purpose: "production" | "scratch";
  readonly tags: readonly string[];
  readonly connectTimeoutSeconds: number;
}

export interface CompiledSchedule {
  readonly when:
    | { readonly kind: "cron"; readonly expression: string; readonly timezone: string }
    | { readonly kind: "every"; readonly seconds: number; readonly timezone: string }
    | { readonly kind: "manual"; readonly timezone: string };
  /** Upper bound; each policy's own shift is a fixed hash of its name. */
  readonly jitterSeconds: number;
  readonly catchUp: "once" | "skip";
}

export interface CompiledRetention {
  readonly last: number;
  readonly hourly: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
  /** Seconds; 0 = none. */
  readonly withinSeconds: number;
}

export interface CompiledPolicy {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly owner: string | undefined;
  readonly tier: number | undefined;
  readonly repository: string;
  readonly replicate: { readonly to: readonly string[]; readonly maxLagSeconds: number | undefined };
  readonly schedule: CompiledSchedule;
  /** undefined: nothing is ever forgotten. */
  readonly retention: CompiledRetention | undefined;
  readonly objectives: {
    readonly rpoSeconds: number | undefined;
    readonly rpoOffsiteSeconds: number | undefined;
    readonly rtoSeconds: number | undefined;
    readonly drillEverySeconds: number | undefined;
    readonly verifyEverySeconds: number | undefined;
  };
  readonly timeoutSeconds: number;
  readonly retry: { readonly attempts: number; readonly backoffSeconds: number; readonly maxSeconds: number };
  readonly assets: readonly string[];
}

export interface CompiledGuards {
  readonly minBytes: number | undefined;
  /** 0.5 = refuse when the new size is under half of the last one. */
  readonly maxShrinkRatio: number | undefined;
  readonly maxUnreadable: number | undefined;
}

export type CompiledSource =
  | ({
      readonly type: "files";
      readonly name: string;
      readonly paths: readonly ByteString[];
      readonly guards: CompiledGuards;
    } & FileSelection)
  | {
      readonly type: "postgresql";
      readonly name: string;
      readonly database: string;
      readonly user: string | undefined;
      readonly password: SecretReference | undefined;
      /** Host of the server as seen from the SSH host, or a socket folder; undefined: the program's default. */
      readonly server: string | undefined;
      readonly port: number | undefined;
      /** Tables whose rows are counted in the dump's own snapshot; "all" counts every table. */
      readonly recordRows: readonly string[] | "all";
      readonly guards: CompiledGuards;
    }
  | {
      readonly type: "sqlite";
      readonly name: string;
      readonly path: ByteString;
      readonly recordRows: readonly string[] | "all";
      readonly guards: CompiledGuards;
    };

export interface CompiledAsset {
  /** "HOST/SOURCE". */
  readonly name: string;
  readonly host: string;
  readonly policy: string;
  readonly source: CompiledSource;
}

/** A drill as in experience.md 3.2, after defaults. */
export interface CompiledDrill {
  readonly name: string;
  readonly description: string | undefined;
  readonly owner: string | undefined;
  readonly schedule: CompiledSchedule | undefined;
  readonly snapshot: {
    /** Repository's name; undefined: each asset's own (or the one given on the command line). */
    readonly from: string | undefined;
    readonly pick:
      | { readonly kind: "latest" }
      | { readonly kind: "random"; readonly withinSeconds: number }
      | { readonly kind: "before"; readonly time: string };
  };
  readonly objectives: { readonly rtoSeconds: number | undefined; readonly rpoSeconds: number | undefined };
  readonly deadlineSeconds: number;
  readonly targets: ReadonlyMap<string, CompiledDrillTarget>;
  readonly steps: readonly CompiledDrillStep[];
  readonly checks: readonly CompiledDrillCheck[];
  readonly teardown: { readonly keepOnFailureSeconds: number; readonly run: CompiledDrillCommand | undefined };
  /** The drill's own definition as written, for the evidence. */
  readonly text: string;
}

export type CompiledDrillTarget = {
  readonly id: string;
  /** Host name; undefined: the worker itself. */
  readonly host: string | undefined;
} & (
  | { readonly type: "directory"; readonly path: string; readonly minFreeBytes: number }
  | {
      readonly type: "postgresql";
      readonly server:
        | { readonly kind: "throwaway" }
        | {
            readonly kind: "given";
            readonly address: string;
            readonly port: number;
            readonly user: string | undefined;
            readonly password: SecretReference | undefined;
          };
      /** May hold "{run}". */
      readonly database: string;
    }
  | { readonly type: "sqlite"; readonly path: string }
);

export interface CompiledDrillCommand {
  readonly host: string | undefined;
  /** "{TARGET.path}", "{TARGET.url_file}", "{run}" are filled in. */
  readonly command: readonly string[];
}

export type CompiledDrillStep = {
  readonly id: string;
  readonly needs: readonly string[];
  readonly timeoutSeconds: number;
} & (
  | { readonly kind: "restore"; readonly asset: string; readonly to: string; readonly paths: readonly ByteString[] }
  | { readonly kind: "run"; readonly run: CompiledDrillCommand }
  | { readonly kind: "wait"; readonly seconds: number }
);

/** Damage done on purpose to a copy; the check must then fail, else it proves nothing. */
export type CompiledControlRun =
  | { readonly kind: "auto" }
  | { readonly kind: "drop_table"; readonly table: string }
  | { readonly kind: "run"; readonly argv: readonly string[] }
  | { readonly kind: "none" };

export type CompiledDrillCheck = {
  readonly id: string;
  readonly after: string;
  readonly needs: readonly string[];
  readonly severity: "fail" | "warn";
  readonly timeoutSeconds: number;
  readonly control: CompiledControlRun;
} & (
  | { readonly type: "file_hash"; readonly sampleRatio: number; readonly against: "snapshot" }
  | {
      readonly type: "row_count";
      readonly table: string;
      readonly compare: "recorded" | { readonly count: number };
      readonly toleranceRatio: number;
    }
  | {
      readonly type: "sql";
      readonly query: string;
      readonly expect: string | undefined;
      readonly min: number | undefined;
      readonly max: number | undefined;
    }
  | { readonly type: "freshness"; readonly query: string; readonly maxAgeSeconds: number }
  | {
      readonly type: "command";
      readonly run: CompiledDrillCommand;
      readonly expectExit: number;
      readonly expectOutput: string | undefined;
    }
  | {
      readonly type: "http";
      readonly url: string;
      readonly expectStatus: number;
      readonly expectBody: string | undefined;
      readonly retryForSeconds: number;
      /** The run step whose program answers; its control restarts it on damaged data. Undefined: control cannot be automatic. */
      readonly control: CompiledControlRun;
    }
);
