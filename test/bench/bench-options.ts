export const pairRowNames = ["big", "small", "unchanged", "restore", "check"] as const;
export type PairRowName = (typeof pairRowNames)[number];
export const singleRowNames = ["latency", "link", "killed", "index", "flat"] as const;
export type SingleRowName = (typeof singleRowNames)[number];

export interface BenchOptions {
  /** In the order in which they are run. */
  readonly rows: readonly (PairRowName | SingleRowName)[];
  readonly pairs: number;
  readonly bigMebibytes: number;
  readonly tree: string;
  /** Of 4 KiB each, at 50 ms for a round trip. */
  readonly files: number;
  /** As many are measured with the peers; the time for all of them is worked out. */
  readonly peerFiles: number;
  readonly blobs: number;
  /** When so much of the many small files has come the first run is killed: 0.75 is three quarters. undefined: by chance. */
  readonly killedAt: number | undefined;
  /** Sizes of the trees whose unchanged backups are measured. */
  readonly flat: readonly number[];
}

const defaults = {
  rows: [...pairRowNames, ...singleRowNames].join(","),
  pairs: "3",
  "big-mib": "1024",
  tree: "/usr/share",
  files: "100000",
  "peer-files": "1000",
  blobs: "10000000",
  "killed-at": "random",
  flat: "100000,1000000",
};

/** `--NAME=VALUE` words. Throws on what it does not know: a bench of the wrong thing takes an hour. */
export function parseBenchOptions(words: readonly string[]): BenchOptions {
  const values: Record<keyof typeof defaults, string> = { ...defaults };
  for (const word of words) {
    const [, name = "", value = ""] = /^--([a-z-]+)=(.+)$/.exec(word) ?? [];
    if (!(name in defaults))
      throw new Error(
        `${word}: there are ${Object.keys(defaults)
          .map((one) => `--${one}=`)
          .join(" ")}`,
      );
    values[name as keyof typeof defaults] = value;
  }
  const known: readonly string[] = [...pairRowNames, ...singleRowNames];
  const wanted = values.rows.split(",");
  const unknown = wanted.find((row) => !known.includes(row));
  if (unknown !== undefined) throw new Error(`no row is named ${unknown}; there are ${known.join(", ")}`);
  return {
    rows: known.filter((row) => wanted.includes(row)) as (PairRowName | SingleRowName)[],
    pairs: Number(values.pairs),
    bigMebibytes: Number(values["big-mib"]),
    tree: values.tree,
    files: Number(values.files),
    peerFiles: Number(values["peer-files"]),
    blobs: Number(values.blobs),
    killedAt: values["killed-at"] === "random" ? undefined : Number(values["killed-at"]),
    flat: values.flat.split(",").map(Number),
  };
}
