import type { Clock, CommandArgument, HostFacts, Machine } from "@lifeboat/model";

/** What sudo is asked about for a source: the programs that reading it runs with sudo. */
export const sudoPrograms = { files: ["find", "tar", "xargs"], postgresql: [], sqlite: ["sqlite3"] } as const;

/**
 * Prints a line for each fact; whatever is not there prints none. `$@` are programs that sudo is asked about; the checking script of a
 * host with least privilege says in LIFEBOAT_SUDO what takes their place there. sudo lists, it runs nothing.
 */
const factsScript = [
  'date "+time %s.%N"',
  'echo "kernel $(uname -srm)"',
  `sed -n "s/^PRETTY_NAME=/system /p" /etc/os-release 2>/dev/null | head -n 1`,
  'for p in find tar; do echo "$p $("$p" --version 2>/dev/null | head -n 1)"; done',
  'for p; do sudo -n -l -- "${LIFEBOAT_SUDO:-$p}" >/dev/null 2>&1 && echo "sudo $p"; done',
  "exit 0",
].join("; ");

export function factsCommand(sudoFor: readonly string[]): CommandArgument[] {
  return ["sh", "-c", factsScript, "facts", ...sudoFor];
}

const maxBytes = 16 * 1024;
const maxMilliseconds = 10_000;
const maxTextLength = 200;

export interface HostFactsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Programs that will be run with sudo. */
  readonly sudoFor?: readonly string[];
}

/** One command, one round trip. undefined when the host cannot be asked so, or does not answer in time: it is no reason to stop. */
export async function readHostFacts(
  machine: Machine,
  { clock, signal, sudoFor = [] }: HostFactsOptions,
): Promise<HostFacts | undefined> {
  const limit = new AbortController();
  const done = new AbortController();
  clock.sleep(maxMilliseconds, done.signal).then(
    () => limit.abort(),
    () => undefined,
  );
  try {
    const before = clock.now();
    const command = await machine.run(factsCommand(sudoFor), { noInput: true, signal: AbortSignal.any([signal, limit.signal]) });
    command.endInput();
    let text = "";
    let heard: number | undefined;
    for await (const chunk of command.stdout) {
      heard ??= clock.now();
      text += Buffer.from(chunk).toString("latin1");
      if (text.length <= maxBytes) continue;
      command.kill();
      return undefined;
    }
    const { status } = await command.exit;
    return status === 0 && heard !== undefined ? parseFacts(text, { before, heard, sudoFor }) : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    done.abort();
  }
}

function parseFacts(
  text: string,
  { before, heard, sudoFor }: { readonly before: number; readonly heard: number; readonly sudoFor: readonly string[] },
): HostFacts {
  const lines = text.split("\n");
  const textAt = (key: string) => {
    const value = lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
    const clean = Buffer.from(value ?? "", "latin1")
      .toString("utf8")
      .replace(/^"(.*)"$/, "$1")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a host says must not steer a terminal
      .replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffd]/g, "?")
      .slice(0, maxTextLength)
      .trim();
    return clean === "" ? undefined : clean;
  };
  const texts = ["system", "kernel", "find", "tar"].map((key) => [key, textAt(key)]).filter(([, value]) => value !== undefined);
  const allowed = new Set(lines.filter((line) => line.startsWith("sudo ")).map((line) => line.slice(5)));
  return {
    ...(Object.fromEntries(texts) as Pick<HostFacts, "system" | "kernel" | "find" | "tar">),
    ...(sudoFor.length > 0 && { sudo: sudoFor.filter((program) => allowed.has(program)) }),
    ...skewOf(lines[0] ?? "", before, heard),
  };
}

/** The host's clock was read between the two moments; a `date` without fractions of seconds leaves a second open. */
function skewOf(line: string, before: number, heard: number): Pick<HostFacts, "clock_skew_ms" | "clock_skew_within_ms"> {
  const match = /^time ([0-9]{1,12})\.([0-9]{9})?/.exec(line);
  if (match === null) return {};
  const isExact = match[2] !== undefined;
  const there = Number(match[1]) * 1000 + (isExact ? Number(match[2]) / 1e6 : 500);
  return {
    clock_skew_ms: Math.round(there - (before + heard) / 2),
    clock_skew_within_ms: Math.ceil((heard - before) / 2) + (isExact ? 0 : 500),
  };
}
