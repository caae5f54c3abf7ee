import { type Clock, isLifeboatError, LifeboatError } from "@lifeboat/model";

/** Before each attempt; with what logins take, some minutes in all. Whatever came and stays makes it begin anew. */
const delaysMilliseconds = [1000, 5000, 15_000, 45_000, 120_000];

export interface Setback {
  readonly error: LifeboatError;
  /** 1 for the first since something came that stays. */
  readonly attempt: number;
  readonly delayMilliseconds: number;
}

/** True when the machine may be reached again: what was asked of it can be asked once more. */
export function isConnectionLoss(error: unknown): error is LifeboatError {
  return isLifeboatError(error, "connection-lost") || isLifeboatError(error, "host-unreachable");
}

/** Decides whether and when to go on after the connection to the source broke. One object a run: all streams break at the same time. */
export class Reconnects {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #tell: ((setback: Setback) => void) | undefined;
  readonly #stopping = new AbortController();
  #attempt = 0;
  #count = 0;
  #waiting: Promise<void> | undefined;

  constructor(parts: { clock: Clock; signal: AbortSignal; tell: ((setback: Setback) => void) | undefined }) {
    this.#clock = parts.clock;
    this.#signal = parts.signal;
    this.#tell = parts.tell;
  }

  /** How often a connection that stood was lost. */
  get count(): number {
    return this.#count;
  }

  /** Something has come that need not be read again. */
  progress(): void {
    this.#attempt = 0;
  }

  /** Resolves when it is time to try again. Throws `error` when that is not what helps, or was tried often enough. */
  async after(error: unknown): Promise<void> {
    if (!isConnectionLoss(error) || this.#signal.aborted || this.#stopping.signal.aborted) throw error;
    this.#waiting ??= this.#wait(error).finally(() => {
      this.#waiting = undefined;
    });
    await this.#waiting;
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#stopping.abort(new LifeboatError("cancelled", "reading was stopped"));
  }

  async #wait(error: LifeboatError): Promise<void> {
    const delayMilliseconds = delaysMilliseconds[this.#attempt];
    if (delayMilliseconds === undefined) {
      const often = `; ${this.#attempt} attempts to go on have failed`;
      throw new LifeboatError(error.code, `${error.message}${often}`, { context: error.context, cause: error });
    }
    this.#attempt++;
    if (error.code === "connection-lost") this.#count++;
    this.#tell?.({ error, attempt: this.#attempt, delayMilliseconds });
    await this.#clock.sleep(delayMilliseconds, AbortSignal.any([this.#signal, this.#stopping.signal]));
  }
}
