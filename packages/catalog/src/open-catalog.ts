import { chmodSync } from "node:fs";
import { type Clock, isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import type { Kysely } from "kysely";
import type { Catalog } from "./catalog.ts";
import { appliedConfigs } from "./configs/applied-configs.ts";
import { drillReports } from "./drills/drill-reports.ts";
import { runProtocol } from "./runs/run-protocol.ts";
import { runQuestions } from "./runs/run-questions.ts";
import { migrate } from "./schema/migrate.ts";
import type { Tables } from "./schema/tables.ts";
import { seenSnapshots } from "./snapshots/seen-snapshots.ts";
import { openSqlite } from "./sqlite/open-sqlite.ts";

/**
 * Opens (and creates) the history database in one file; several programs may have it open. Its folder must exist.
 * Errors: `catalog-failed`.
 */
export async function openCatalog(path: string, { clock }: { readonly clock: Clock }): Promise<Catalog> {
  const failed = (error: unknown) => catalogError(path, error);
  let opened: ReturnType<typeof openSqlite> | undefined;
  try {
    opened = openSqlite(path);
    // history names hosts, files and causes: nobody else's business
    chmodSync(path, 0o600);
    const { raw, db } = opened;
    raw.exec("BEGIN IMMEDIATE");
    await migrate(db, clock.now());
    raw.exec("COMMIT");
    return guardCatalog(buildCatalog(db, clock), failed);
  } catch (error) {
    opened?.raw.close();
    throw failed(error);
  }
}

function buildCatalog(db: Kysely<Tables>, clock: Clock): Catalog {
  return {
    ...runProtocol(db, clock),
    ...runQuestions(db, clock),
    ...seenSnapshots(db),
    ...drillReports(db),
    ...appliedConfigs(db, clock),
    close: () => db.destroy(),
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
