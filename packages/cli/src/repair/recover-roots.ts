import { hostname } from "node:os";
import { findLostRoots, recoverRoots } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

/** `lifeboat repo repair roots`. */
export async function recoverRootsOf(session: Session, values: OptionValues): Promise<number> {
  const progress = showProgress(session, "repair");
  const lockMode = session.dryRun ? "none" : "exclusive";
  return withChosenRepository(session, values, { lock: lockMode, progress }, async ({ repository, context, lock }) => {
    const { signal, clock, owner, programVersion } = context;
    const { roots, unreadable } = await findLostRoots(repository, { signal, clock, progress });
    session.output.status(undefined);
    if (unreadable > 0) session.output.note(`! ${countOf(unreadable, "folder")} cannot be read: what they held may show as lost`);
    if (roots.length > 0 && !session.dryRun) {
      await lock?.assertHeld();
      const options = { roots, hostname: hostname(), username: owner.username, programVersion, signal, clock };
      const snapshot = await recoverRoots(repository, options);
      if (session.json) await session.answer({ message_type: "summary", roots, snapshot_id: snapshot.id });
      session.say(`✓ ${countOf(roots.length, "folder")} that no snapshot named: snapshot ${snapshot.id.slice(0, 8)} holds them`);
      return exitCodes.passed;
    }
    if (session.json) await session.answer({ message_type: "summary", roots, snapshot_id: null });
    for (const id of roots.slice(0, 50)) session.say(`  tree ${id}`);
    session.say(roots.length === 0 ? "every folder is named by a snapshot: nothing to recover" : "Dry run: nothing was changed.");
    return exitCodes.passed;
  });
}
