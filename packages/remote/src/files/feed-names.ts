import type { ByteString, RunningCommand } from "@lifeboat/model";

/**
 * Writes names, each ended by NUL, while the caller reads the output: both sides share one channel. A program that ends
 * early says why with its exit status, so that a refused write is no error here.
 */
export async function feedNames(command: RunningCommand, names: readonly ByteString[]): Promise<void> {
  try {
    let text = "";
    for (const name of names) {
      text += `${name}\0`;
      if (text.length < 64 * 1024) continue;
      await command.write(Buffer.from(text, "latin1"));
      text = "";
    }
    if (text !== "") await command.write(Buffer.from(text, "latin1"));
    command.endInput();
  } catch {}
}
