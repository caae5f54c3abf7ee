import {
  type ConsoleOutput,
  createLogger,
  createSecretMask,
  type Environment,
  type Random,
  realClock,
  type SecretMask,
  stopOnSignals,
  systemRandom,
} from "@lifeboat/host";
import { type Clock, type CompiledConfig, LifeboatError, type Logger } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";

/** One call of the program: the machine it runs on, and how the person wants to be answered. */
export interface Session extends Disposable {
  readonly output: ConsoleOutput;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly mask: SecretMask;
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly quiet: boolean;
  /** 0, 1 (-v) or 2 (-vv). */
  readonly verbose: number;
  readonly dryRun: boolean;
  readonly configFlag: string | undefined;
  readonly stateFlag: string | undefined;
  /** `--cache-dir`; false: `--no-cache`. */
  readonly cacheFlag: string | false | undefined;
  /** Something that the answer may depend on could not be read: what passes then ends with exit code 3. */
  isIncomplete: boolean;
  /** Work as the person sees it, to standard error; nothing with --quiet or --json. */
  say(text: string): void;
  /** One object to standard output. */
  answer(value: object): Promise<void>;
}

export interface SessionParts {
  readonly output: ConsoleOutput;
  readonly environment: Environment;
  readonly values: OptionValues;
}

export function openSession({ output, environment, values }: SessionParts): Session {
  const stop = stopOnSignals();
  const mask = createSecretMask();
  const json = values.flag("json");
  const quiet = values.flag("quiet");
  const verbose = values.count("verbose");
  const level = quiet ? "error" : verbose >= 2 ? "debug" : verbose === 1 ? "info" : "warn";
  const write = (text: string) => output.note(text.replace(/\n$/, ""));
  const logger = createLogger({ level, mask, form: json ? "json" : "plain", destination: { write } });
  return {
    output,
    environment,
    clock: realClock(),
    random: systemRandom(),
    logger,
    mask,
    signal: stop.signal,
    json,
    quiet,
    verbose,
    dryRun: values.flag("dry-run"),
    configFlag: values.text("config"),
    stateFlag: values.text("state"),
    isIncomplete: false,
    cacheFlag: values.isOff("cache") ? false : values.text("cache-dir"),
    say(text) {
      if (!quiet && !json) output.note(text);
    },
    answer: (value) => output.line(JSON.stringify(value)),
    [Symbol.dispose]: () => stop[Symbol.dispose](),
  };
}

/** The zone in which times are shown and dates are read: the company's, else the machine's. */
export function timeZoneOf(config: CompiledConfig | undefined): string {
  return config?.company.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

/**
 * Asks before something that cannot be taken back. `yes` counts only when the person named the object.
 * Without a terminal: `confirmation-needed`, never a prompt that hangs.
 */
export async function confirm(session: Session, question: string, yes: boolean): Promise<void> {
  if (yes) return;
  const answer = await session.output.ask(`${question} [y/N] `, session.signal);
  if (answer === undefined) {
    throw new LifeboatError("confirmation-needed", `${question} (there is no terminal to ask on; nothing was changed)`, {
      hint: "Add --yes when you are sure.",
    });
  }
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new LifeboatError("cancelled", "not confirmed; nothing was changed", { context: { state: "nothing was changed" } });
}
