import { type ListedKind, listedKinds, listObjects, type ShownKind, shownKinds, showObject } from "@lifeboat/engine";
import { exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const repoList: CommandSpec = {
  arguments: [{ name: "<kind>", description: listedKinds.join(", ") }],
  repository: true,
  examples: [
    { command: "lifeboat repo list packs --repo main", does: "ids, one a line" },
    { command: "lifeboat repo list blobs --repo /srv/repo --password-file F", does: "type and id of each blob, with bare hands" },
  ],
  run: listAll,
};

export const repoCat: CommandSpec = {
  arguments: [
    { name: "<kind>", description: shownKinds.join(", ") },
    { name: "[id]", description: "for a blob or a folder all of it, else its beginning" },
  ],
  repository: true,
  examples: [
    { command: "lifeboat repo cat snapshot 9f3c1a22 --repo main", does: "as it is stored" },
    { command: "lifeboat repo cat tree ID --repo /srv/repo --password-file F", does: "a folder, with bare hands" },
    { command: "lifeboat repo cat pack ID --repo main > pack", does: "an object as it lies in the store, sealed" },
  ],
  details: "For looking into a repository by hand. The master key is not shown; a key file is shown as it lies there, wrapped.",
  run: showOne,
};

async function listAll(session: Session, values: OptionValues): Promise<number> {
  const kind = values.word(0) as ListedKind;
  if (!listedKinds.includes(kind)) throw new LifeboatError("usage", `"${kind}" is none of ${listedKinds.join(", ")}`);
  return withChosenRepository(session, values, { lock: "none" }, async ({ repository }) => {
    let lines: string[] = [];
    const flush = async () => {
      if (lines.length > 0) await session.output.line(lines.join("\n"));
      lines = [];
    };
    for await (const text of listObjects(repository, kind, { signal: session.signal })) {
      const [first, id] = text.split(" ");
      lines.push(!session.json ? text : JSON.stringify(id === undefined ? { id: first } : { type: first, id }));
      if (lines.length >= 1000) await flush();
    }
    await flush();
    return exitCodes.passed;
  });
}

async function showOne(session: Session, values: OptionValues): Promise<number> {
  const kind = values.word(0) as ShownKind;
  if (!shownKinds.includes(kind)) throw new LifeboatError("usage", `"${kind}" is none of ${shownKinds.join(", ")}`);
  const id = values.words[1];
  if (kind !== "config" && id === undefined) throw new LifeboatError("usage", `which ${kind}? its id is missing`);
  return withChosenRepository(session, values, { lock: "none" }, async ({ repository }) => {
    const shown = await showObject(repository, kind, id ?? "", { signal: session.signal });
    if (shown.kind === "json") await session.output.line(JSON.stringify(shown.value, undefined, session.json ? undefined : 2));
    // JSON of a folder for a terminal, with what could move its cursor made harmless; else byte for byte.
    else if (kind === "tree" && session.output.outIsTerminal)
      await session.output.line(Buffer.from(shown.bytes).toString("utf8"));
    else await session.output.out(shown.bytes);
    return exitCodes.passed;
  });
}
