import { constants, createReadStream, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal } from "node:stream";
import { describeSystemError, LifeboatError } from "@lifeboat/model";
import type { Session } from "./session.ts";

const maxPasswordBytes = 64 * 1024;

/**
 * One line end at the end is dropped, as restic does. A pipe (`<(pass show backup)`) is read to its end. `option` is the one that named
 * it. Errors: `secret-unresolved`, also for an empty file.
 */
export async function readPasswordFile(session: Session, path: string, option: string): Promise<string> {
  try {
    const password = await readSmallFile(session, path);
    if (password === "") throw new Error("it is empty");
    return password;
  } catch (error) {
    session.signal.throwIfAborted();
    throw new LifeboatError("secret-unresolved", `password file ${path} cannot be used: ${describeSystemError(error)}`, {
      hint: `Correct the path given with ${option}.`,
    });
  }
}

async function readSmallFile(session: Session, path: string): Promise<string> {
  const found = await stat(path);
  if (found.isFile() && (found.mode & 0o077) !== 0) {
    session.logger.warn({ next: `chmod 600 ${path}` }, `password file ${path} can be read by others`);
  }
  // A blocking read of a pipe holds a thread, and with it the end of the process.
  const stream = found.isFIFO()
    ? new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false })
    : createReadStream(path);
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of addAbortSignal(session.signal, stream)) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > maxPasswordBytes) throw new Error(`it has more than ${maxPasswordBytes} bytes`);
  }
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
