import { listKeys } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { formatLocal, zoneName } from "../output/format-time.ts";
import { renderTable } from "../output/render-table.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const keyList: CommandSpec = {
  repository: true,
  examples: [
    { command: "lifeboat key list --repo main", does: "the star is the key that was used to look" },
    { command: "lifeboat key list --repo /srv/repo --password-file F --json", does: "an array with restic's field names" },
  ],
  details: "A repository may have up to 20 keys. Each is a password; all of them open the same data.",
  run: listAll,
};

async function listAll(session: Session, values: OptionValues): Promise<number> {
  return withChosenRepository(session, values, { lock: "none" }, async ({ config, repository }) => {
    const keys = await listKeys(repository, { signal: session.signal });
    if (session.json) {
      const list = keys.map(({ id, isCurrent, origin }) => ({
        current: isCurrent,
        id,
        short_id: id.slice(0, 8),
        userName: origin?.username ?? "",
        hostName: origin?.hostname ?? "",
        created: origin?.created ?? "",
      }));
      await session.output.line(JSON.stringify(list));
      return exitCodes.passed;
    }
    const timezone = timeZoneOf(config);
    const time = (text: string) => (Number.isNaN(Date.parse(text)) ? "?" : formatLocal(Date.parse(text), timezone));
    const heads = ["", "ID", "USER", "HOST", `CREATED (${zoneName(session.clock.now(), timezone)})`];
    const rows = keys.map(({ id, isCurrent, origin }) => [
      isCurrent ? "*" : "",
      id.slice(0, 8),
      origin?.username || "?",
      origin?.hostname || "?",
      origin === undefined ? "damaged: opens nothing" : time(origin.created),
    ]);
    for (const line of renderTable(
      heads.map((head) => ({ head })),
      rows,
    ))
      await session.output.line(line);
    session.say(countOf(keys.length, "key"));
    return exitCodes.passed;
  });
}
