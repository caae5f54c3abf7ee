import { isStale, listLocks, removeLocks, type StoredLock } from "@lifeboat/engine";
import { openChosenRepository, ownDeadLocks, removeOwnDeadLocks } from "@lifeboat/jobs";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { formatAge } from "../output/format-time.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { confirm, type Session } from "../session/session.ts";

export const repoUnlock: CommandSpec = {
  repository: true,
  writes: true,
  options: [
    { flags: "--all", description: "also locks that may be alive: only when no other program works on the repository" },
    { flags: "--yes", description: "do not ask (with --all)" },
  ],
  examples: [
    {
      command: "lifeboat repo unlock --repo main",
      does: "remove locks of our own dead processes, and those older than 30 minutes",
    },
    { command: "lifeboat repo unlock --repo main --all", does: "remove every lock" },
  ],
  run: unlockOne,
};

async function unlockOne(session: Session, values: OptionValues): Promise<number> {
  const { config, choice } = await chooseRepository(session, values);
  const context = openJobContext(session, { config, writes: true });
  const repository = await openChosenRepository(context, choice);
  try {
    const now = session.clock.now();
    const before = await listLocks(repository);
    for (const lock of before) session.say(describe(lock, now));
    const all = values.flag("all");
    if (session.dryRun) {
      const dead = ownDeadLocks(context, repository, before);
      const wouldRemove = before.filter((lock) => all || dead.has(lock.id) || isStale(lock, now)).length;
      const kept = before.length - wouldRemove;
      if (session.json) await session.answer({ message_type: "summary", dry_run: true, would_remove: wouldRemove, kept });
      else session.say(before.length === 0 ? "no locks" : `would remove ${countOf(wouldRemove, "lock")}, keep ${kept}`);
      return exitCodes.passed;
    }
    let removed = await removeOwnDeadLocks(context, repository);
    if (all) {
      const left = await listLocks(repository);
      if (left.length > 0)
        await confirm(session, `Remove ${countOf(left.length, "lock")} that may be alive?`, values.flag("yes"));
      removed += (await removeLocks(repository, "all")).length;
    } else removed += (await removeLocks(repository, { staleAt: now })).length;
    const kept = (await listLocks(repository)).length;
    if (session.json) await session.answer({ message_type: "summary", removed, kept });
    else session.say(before.length === 0 ? "no locks" : `${countOf(removed, "lock")} removed, ${kept} kept`);
    return exitCodes.passed;
  } finally {
    await repository.close();
  }
}

function describe(lock: StoredLock, now: number): string {
  const kind = lock.exclusive ? "exclusive" : "shared";
  const state = isStale(lock, now) ? ", stale" : "";
  return `${lock.id.slice(0, 8)}  ${kind}, ${lock.hostname} process ${lock.pid}, ${formatAge(now, Date.parse(lock.time))} old${state}`;
}
