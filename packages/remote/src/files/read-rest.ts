import type { FileEntry, ReadEvent } from "@lifeboat/model";
import { isSameFile, statNow } from "./after-check.ts";
import { feedNames } from "./feed-names.ts";
import type { ReadContext } from "./read-files.ts";
import { readRestCommand } from "./remote-commands.ts";
import { sizeProblem } from "./storable-size.ts";

/**
 * The end of a file whose beginning is known, and a verdict by the same look that `readFiles` takes afterwards. A host that cannot
 * read so (no GNU dd, no leave for it) gives the verdict `unreadable`, and never an error: the file can still be read whole.
 */
export async function* readRest(
  { machine, names, sudo, signal }: ReadContext,
  entry: FileEntry,
  offset: number,
): AsyncGenerator<readonly ReadEvent[], void, undefined> {
  const wanted = entry.size - offset;
  const command = await machine.run(readRestCommand(offset, wanted), { sudo, signal });
  const feeding = feedNames(command, [entry.path]);
  let received = 0;
  let ended = false;
  try {
    for await (const chunk of command.stdout) {
      signal.throwIfAborted();
      received += chunk.length;
      // dd counts by itself; a hostile host does not.
      if (received > wanted) break;
      yield [{ kind: "data", index: 0, bytes: chunk }];
    }
    ended = received <= wanted;
  } finally {
    if (!ended) command.kill();
  }
  const [{ status }] = await Promise.all([command.exit, feeding]);
  signal.throwIfAborted();
  if (status !== 0 || received !== wanted) {
    const detail = command.stderr().trim().slice(0, 500) || `${received} bytes came of ${wanted}`;
    yield [{ kind: "verdict", index: 0, verdict: "unreadable", detail }];
    return;
  }
  const [now] = (await statNow(machine, [entry.path], { sudo, signal })).now;
  const tooLarge = now && sizeProblem(now);
  if (now === undefined) yield [{ kind: "verdict", index: 0, verdict: "vanished" }];
  else if (tooLarge !== undefined) yield [{ kind: "verdict", index: 0, verdict: "unreadable", detail: tooLarge.detail }];
  else {
    await names.fill([now], signal);
    yield [{ kind: "verdict", index: 0, verdict: isSameFile(entry, now) ? "same" : "changed", now }];
  }
}
