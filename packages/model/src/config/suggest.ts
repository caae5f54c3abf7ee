/** Edits between two words: insert, delete, replace, swap of neighbours (optimal string alignment). */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      let best = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[right.length]!;
}

/** The candidate nearest to `word` with at most two edits (one for words of up to three letters), or undefined. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 100) return undefined;
  let best: string | undefined;
  let bestDistance = word.length <= 3 ? 2 : 3;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > 2) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** People arrive from borgmatic, resticprofile and restic with these words. */
const synonyms: Readonly<Record<string, string>> = {
  keep_last: "retention.last",
  keep_hourly: "retention.hourly",
  keep_daily: "retention.daily",
  keep_weekly: "retention.weekly",
  keep_monthly: "retention.monthly",
  keep_yearly: "retention.yearly",
  keep_within: "retention.within",
  keep: "retention",
  source_directories: "paths",
  directories: "paths",
  source: "sources",
  cron_expression: "cron",
  interval: "every",
  tz: "timezone",
  s3_url: "url",
  repo: "repository",
  hostname: "address",
  ip: "address",
  username: "user",
  ssh_key: "identity",
  identity_file: "identity",
  private_key: "identity",
  exclude_patterns: "exclude",
  excludes: "exclude",
  includes: "include",
  cachedir_tag: "exclude_caches",
  max_file_size: "exclude_larger_than",
  one_file_system: "one_filesystem",
  db: "database",
  dbname: "database",
  password_file: "password: { file: PATH }",
  password_command: "password: { command: [...] }",
  rpo: "objectives.rpo",
  rto: "objectives.rto",
};

/** Keys of the design that this version does not have: said so, instead of a guess. */
const notYet = new Set([
  "approval",
  "database_url",
  "dump",
  "evidence",
  "exceptions",
  "file_name",
  "hooks",
  "inventory",
  "kind",
  "limits",
  "manual",
  "metrics",
  "notify",
  "oplog",
  "participants",
  "price",
  "run_on",
  "self_backup",
  "signoff",
  "single_transaction",
  "window",
]);

export function hintForKey(key: string, known: readonly string[]): string | undefined {
  if (key === "<<") return "there is no << here; use templates and extends";
  const near = suggest(key, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  const synonym = synonyms[key.toLowerCase().replaceAll("-", "_")];
  if (synonym !== undefined && known.includes(synonym.split(/[.:]/)[0]!)) return `did you mean "${synonym}"?`;
  return notYet.has(key) ? "this version of Lifeboat does not have it yet; remove it" : undefined;
}
