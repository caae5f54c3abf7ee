import { chmodSync } from "node:fs";
import { type Clock, isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import type { Catalog } from "./catalog.ts";
import { appliedConfigs } from "./configs/applied-configs.ts";
import { drillReports } from "./drills/drill-reports.ts";
import { runProtocol } from "./runs/run-protocol.ts";
import { runQuestions } from "./runs/run-questions.ts";
import { migrate } from "./schema/migrate.ts";
import { seenSnapshots } from "./snapshots/seen-snapshots.ts";
import { type SharedSqlite, shareSqlite } from "./sqlite/share-sqlite.ts";

/**
 * Opens (and creates) the history database in one file; several programs may have it open. Its folder must exist.
 * Errors: `catalog-failed`.
 */
export async function openCatalog(path: string, { clock }: { readonly clock: Clock }): Promise<Catalog> {
  const failed = (error: unknown) => catalogError(path, error);
  try {
    const shared = await shareSqlite(path, (db) => migrate(db, clock.now()));
    // history names hosts, files and causes: nobody else's business
    chmodSync(path, 0o600);
    return guardCatalog(buildCatalog(shared, clock), failed);
  } catch (error) {
    throw failed(error);
  }
}

function buildCatalog({ db, close }: SharedSqlite, clock: Clock): Catalog {
  return {
    ...runProtocol(db, clock),
    ...runQuestions(db, clock),
    ...seenSnapshots(db),
    ...drillReports(db),
    ...appliedConfigs(db, clock),
    close,
  };
}

/** What a database throws becomes `catalog-failed`; our own errors pass. */
function guardCatalog(catalog: Catalog, failed: (error: unknown) => LifeboatError): Catalog {
  const guarded = Object.entries(catalog).map(([name, operation]: [string, (...args: never[]) => Promise<unknown>]) => [
    name,
    async (...args: never[]) => {
      try {
        return await operation(...args);
      } catch (error) {
        throw failed(error);
      }
    },
  ]);
  return Object.fromEntries(guarded) as Catalog;
}

function catalogError(path: string, error: unknown): LifeboatError {
  if (isLifeboatError(error)) return error;
  return new LifeboatError("catalog-failed", `history ${path}: ${messageOf(error)}`, { cause: error });
}
