import { LifeboatError, type RunningCommand } from "@lifeboat/model";
import { ChunkList } from "./chunk-list.ts";

export interface CollectedOutput {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly status: number | null;
}

/** Runs a command to its end with all of its (small) output; `limitBytes` bounds what a broken program can cost. */
export async function collectOutput(
  command: RunningCommand,
  options: { readonly input?: Uint8Array; readonly limitBytes?: number; readonly what: string },
): Promise<CollectedOutput> {
  const limit = options.limitBytes ?? 16 * 1024 * 1024;
  const feeding = feed(command, options.input);
  const chunks = new ChunkList();
  for await (const chunk of command.stdout) {
    chunks.push(chunk);
    if (chunks.bytes > limit) {
      command.kill();
      throw new LifeboatError("host-garbage", `${options.what} printed more than ${limit} bytes`);
    }
  }
  const [{ status }] = await Promise.all([command.exit, feeding]);
  return { stdout: chunks.takeJoined(), stderr: command.stderr(), status };
}

/** A program may end without reading its input: that is for its exit status to tell. */
async function feed(command: RunningCommand, input: Uint8Array | undefined): Promise<void> {
  try {
    if (input !== undefined) await command.write(input);
    command.endInput();
  } catch {}
}
