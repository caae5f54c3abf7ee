/** The part of a logger that rooms below the programs use; secrets never go in. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
