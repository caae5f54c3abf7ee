import { resolve } from "node:path";
import type { Snapshot } from "@lifeboat/engine";
import { type RepositoryChoice, seenSnapshot } from "@lifeboat/jobs";
import { type CompiledConfig, messageOf } from "@lifeboat/model";
import { readConfig } from "../session/load-config.ts";
import type { Session } from "../session/session.ts";
import { openHistoryIfThere } from "./history-file.ts";

/**
 * Tells the service's history, where there is one, which snapshots are gone and which have taken their place. It is only a view, but status
 * believes it: so it is told also of a repository that was named by its place, when the configuration here has one there.
 */
export async function rememberSnapshots(
  session: Session,
  given: CompiledConfig | undefined,
  choice: RepositoryChoice,
  changes: { readonly gone: readonly string[]; readonly stored?: readonly Snapshot[] },
): Promise<void> {
  try {
    const config = given ?? (await readConfigHere(session));
    const repositories = config === undefined ? [] : namesOf(config, choice);
    if (config === undefined || repositories.length === 0) return;
    const history = await openHistoryIfThere(session, config);
    if (history === undefined) return;
    const { catalog } = history;
    try {
      for (const repository of repositories) {
        const stored = (changes.stored ?? []).map((snapshot) => seenSnapshot(repository, snapshot));
        await catalog.recordSnapshots(stored);
        await catalog.forgetSnapshots(repository, changes.gone);
      }
    } finally {
      await catalog.close();
    }
  } catch (error) {
    session.logger.warn({ cause: messageOf(error) }, "the history could not be told which snapshots have changed");
  }
}

/** Quietly: with bare hands there is none, and a broken one stops nobody. */
async function readConfigHere(session: Session): Promise<CompiledConfig | undefined> {
  return readConfig(session).then(
    ({ parsed }) => parsed.config,
    () => undefined,
  );
}

function namesOf(config: CompiledConfig, choice: RepositoryChoice): string[] {
  if ("name" in choice) return [choice.name];
  const place = placeOf(choice.url);
  return [...config.repositories.values()].filter(({ url }) => placeOf(url) === place).map(({ name }) => name);
}

/** A folder by its whole path; what has a scheme as it stands. */
function placeOf(url: string): string {
  return /^[a-z0-9+]+:/i.test(url) ? url.replace(/\/+$/, "") : resolve(url);
}
