import { writeTarArchive } from "@lifeboat/engine";
import { displayName, exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const dump: CommandSpec = {
  arguments: [
    { name: "<snapshot>", description: "ASSET@WHEN:PATH or a part of it" },
    { name: "[path]", description: "folder or file inside; default everything" },
  ],
  repository: true,
  options: [...snapshotFilterOptions],
  examples: [
    { command: "lifeboat dump web1/etc@3d:/etc > etc.tar", does: "a folder as a tar archive" },
    {
      command: "lifeboat dump latest /srv --repo /srv/repo --password-file F | ssh web2 tar -x -C /tmp",
      does: "with bare hands",
    },
  ],
  details:
    "The archive is what GNU tar writes (pax format): owners, modes, times, links, holes, attributes. One file as it is: 'lifeboat cat'.\n" +
    "Every byte that comes out was verified by its hash; exit code 3 when files are left out or broken because their data is lost, and named.",
  run: dumpFolder,
};

async function dumpFolder(session: Session, values: OptionValues): Promise<number> {
  if (session.output.outIsTerminal) {
    throw new LifeboatError("usage", "an archive is nothing for a terminal", { hint: "Add > FILE.tar, or | tar -t." });
  }
  await using opened = await openSnapshot(session, values, values.word(0));
  const { repository, snapshot, context } = opened;
  const path = values.words[1] === undefined ? opened.path : await opened.pathOf(values.word(1));
  const include = path === undefined || path === "/" ? [] : [path];
  const write = (bytes: Uint8Array) => session.output.out(bytes);
  const { signal, clock } = context;
  const { problems, problemCount } = await writeTarArchive({ repository, snapshot, include, write, signal, clock });
  for (const problem of problems.slice(0, 20)) session.output.note(`  ! /${displayName(problem.path)}: ${problem.detail}`);
  if (problemCount === 0) return exitCodes.passed;
  session.output.note(`✗ INCOMPLETE: ${countOf(problemCount, "problem")}`);
  return exitCodes.incomplete;
}
