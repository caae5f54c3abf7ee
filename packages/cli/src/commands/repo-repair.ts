import { LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { recoverRootsOf } from "../repair/recover-roots.ts";
import { repairIndexOf } from "../repair/repair-index.ts";
import { repairPacksOf } from "../repair/repair-packs.ts";
import { repairSnapshotsOf } from "../repair/repair-snapshots.ts";
import { manySnapshotsOptions } from "../session/pick-snapshots.ts";
import type { Session } from "../session/session.ts";

export const repoRepair: CommandSpec = {
  arguments: [
    { name: "<part>", description: "index, packs, snapshots or roots" },
    { name: "[ids...]", description: "packs: which; snapshots: which (default: all)" },
  ],
  repository: true,
  writes: true,
  options: [
    { flags: "--read-all-packs", description: "index: believe no index file, read the header of every pack" },
    { flags: "--keep <DIR>", description: "packs: keep damaged packs as they are in this folder", default: "." },
    { flags: "--forget", description: "snapshots: remove the damaged ones; else the repaired ones stand beside them" },
    ...manySnapshotsOptions,
    { flags: "--yes", description: "do not ask" },
  ],
  examples: [
    { command: "lifeboat repo repair index --repo main --dry-run", does: "what the index lacks, and what it names in vain" },
    { command: "lifeboat repo repair index --repo main", does: "repair it, then check and name what is lost" },
    { command: "lifeboat repo repair packs ID --repo main", does: "move what still opens out of a damaged pack" },
    { command: "lifeboat repo repair snapshots --repo main --dry-run", does: "which paths of which snapshots are hit" },
    {
      command: "lifeboat repo repair snapshots --repo main --forget",
      does: "put what is left in the place of damaged snapshots",
    },
    { command: "lifeboat repo repair index --repo /srv/repo --password-file F --read-all-packs", does: "from nothing" },
  ],
  details:
    "After 'lifeboat repo check --read-data' has found damage, in this order: back up again (what is still on the hosts is stored anew), then 'index'\n" +
    "before all else: 'packs' and 'snapshots' believe what the index says, and 'snapshots' refuses as long as it names packs that are gone.\n" +
    "  index        packs that are gone leave the index, packs that it does not know come into it; packs and snapshots are never touched\n" +
    "  packs        what opens moves into new packs, the damaged ones go; one that this machine's cache has whole is stored again\n" +
    "  snapshots    files lose the content that is lost, folders that cannot be read become empty; all else stays\n" +
    "  roots        folders that no snapshot names (of snapshots that are lost or were forgotten, before a prune) become one snapshot\n" +
    "What has lost content is no good copy any more: in 'status' only the next backup makes one.\n" +
    'A repaired snapshot that stands beside the damaged one has the tag "repaired". A copy in another repository is the better way:\n' +
    "after 'index', 'lifeboat copy SNAPSHOT --repo OTHER --to-repo THIS' stores again what is lost of the snapshots that it names.\n" +
    "Exit code 6 after an index: something is lost, and named. 3 after snapshots: some cannot be repaired, and were left.",
  run: repairPart,
};

async function repairPart(session: Session, values: OptionValues): Promise<number> {
  const part = values.word(0);
  if (part === "packs") return repairPacksOf(session, values);
  if (part === "snapshots") return repairSnapshotsOf(session, values);
  if (values.words.length > 1) throw new LifeboatError("usage", `${part} takes no ids, not "${values.word(1)}"`);
  if (part === "roots") return recoverRootsOf(session, values);
  if (part !== "index") throw new LifeboatError("usage", `"${part}" cannot be repaired (index, packs, snapshots, roots)`);
  return repairIndexOf(session, values);
}
