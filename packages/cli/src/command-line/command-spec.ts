import type { Session } from "../session/session.ts";
import type { OptionValues } from "./option-values.ts";

export interface OptionSpec {
  /** As commander reads them: "-l, --long", "--to <DIR>", "--tag <TAG...>". */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly default?: string;
  /** '' says something; else it is a script's variable that was not set. */
  readonly mayBeEmpty?: boolean;
}

export interface Example {
  readonly command: string;
  readonly does: string;
}

/** What one command is, and what it does. One file for each, loaded only when it is called. */
export interface CommandSpec {
  /** What follows the command's name, in commander's words: "<snapshot>", "[path]", "[words...]". */
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options?: readonly OptionSpec[];
  /** Shown first in the help: people look for their case, not for grammar. */
  readonly examples: readonly Example[];
  /** More words for the help, after the options. */
  readonly details?: string;
  /** Adds the options that name a repository without a configuration. */
  readonly repository?: boolean;
  /** Adds --dry-run. */
  readonly writes?: boolean;
  /** Resolves to the exit code. */
  run(session: Session, values: OptionValues): Promise<number>;
}
