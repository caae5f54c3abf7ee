import { findNode, streamFile } from "@lifeboat/engine";
import { byteString, exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const cat: CommandSpec = {
  arguments: [
    { name: "<snapshot>", description: "ASSET@WHEN:PATH or a part of it" },
    { name: "[path]", description: "file inside; for a dump it may be left out" },
  ],
  repository: true,
  options: [...snapshotFilterOptions],
  examples: [
    { command: "lifeboat cat web1/etc@3d:/etc/nginx/nginx.conf", does: "as it was three days ago" },
    { command: "lifeboat cat latest /etc/hosts --repo /srv/repo --password-file F", does: "with bare hands" },
    { command: "lifeboat cat db1/shop@latest | pg_restore -d shop_copy", does: "a dump, straight into a program" },
  ],
  details: "Every byte that comes out was verified by its hash; a damaged file ends with an error, never with wrong bytes.",
  run: printFile,
};

async function printFile(session: Session, values: OptionValues): Promise<number> {
  await using opened = await openSnapshot(session, values, values.word(0));
  const { repository, snapshot } = opened;
  const [only, ...more] = snapshot.paths;
  const isDump = only !== undefined && more.length === 0 && /\.(pgdump|dump|sql)$/.test(only);
  const path =
    values.words[1] === undefined
      ? (opened.path ?? (isDump ? byteString(only) : undefined))
      : await opened.pathOf(values.word(1));
  if (path === undefined) throw new LifeboatError("usage", "which file? name it after the snapshot: SNAPSHOT:/PATH");
  await repository.loadIndex({ signal: session.signal });
  const { node } = await findNode(repository, snapshot.tree, path, { signal: session.signal });
  for await (const bytes of streamFile(repository, node, { signal: session.signal })) {
    session.signal.throwIfAborted();
    await session.output.out(bytes);
  }
  return exitCodes.passed;
}
