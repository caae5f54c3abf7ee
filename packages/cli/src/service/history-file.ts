import { existsSync } from "node:fs";
import type { Catalog } from "@lifeboat/catalog";
import { statePaths } from "@lifeboat/host";
import { type CompiledConfig, LifeboatError } from "@lifeboat/model";
import { stateFolderOf } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export interface OpenedHistory {
  readonly catalog: Catalog;
  readonly stateFolder: string;
}

/** The history of the service, or undefined when none has run with this state folder. Nothing is created. */
export async function openHistoryIfThere(session: Session, config: CompiledConfig): Promise<OpenedHistory | undefined> {
  const stateFolder = stateFolderOf(session, config);
  const path = statePaths(stateFolder).history;
  if (!existsSync(path)) return undefined;
  const { openCatalog } = await import("@lifeboat/catalog");
  return { catalog: await openCatalog(path, { clock: session.clock }), stateFolder };
}

export async function openHistory(session: Session, config: CompiledConfig): Promise<OpenedHistory> {
  const opened = await openHistoryIfThere(session, config);
  if (opened !== undefined) return opened;
  throw new LifeboatError(
    "control-plane-unreachable",
    `there is no history in ${stateFolderOf(session, config)}: no service has run with it yet`,
    {
      hint: "Start the service with 'lifeboat up', or add --here to ask the repositories themselves.",
      context: { state: "nothing was changed" },
    },
  );
}
