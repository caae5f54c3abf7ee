/** A step did not show what it should. */
export class StepFailure extends Error {
  /** What the reader can do next. */
  readonly advice: string;

  constructor(message: string, advice: string) {
    super(message);
    this.name = "StepFailure";
    this.advice = advice;
  }
}
