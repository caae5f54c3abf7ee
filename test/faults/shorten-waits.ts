import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import timers from "node:timers/promises";

/**
 * Loaded before the program (`--import`). What it waits before it tries again is over so many times sooner, and so is its patience with
 * a connection on which nothing comes. How often it tries, and what it does then, stays as it is.
 */
const pauses = Number(process.env.LIFEBOAT_TEST_SHORTER_PAUSES ?? 1);
const patience = Number(process.env.LIFEBOAT_TEST_SHORTER_PATIENCE ?? 1);

const wait = timers.setTimeout;
timers.setTimeout = ((milliseconds?: number, value?: unknown, options?: object) =>
  wait((milliseconds ?? 1) / pauses, value, options)) as typeof wait;
syncBuiltinESMExports();

const setTimeoutOf = Socket.prototype.setTimeout;
Socket.prototype.setTimeout = function shorter(this: Socket, milliseconds, callback) {
  return setTimeoutOf.call(this, milliseconds > 30_000 ? milliseconds / patience : milliseconds, callback);
};
