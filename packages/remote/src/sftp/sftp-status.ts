import type { ByteString } from "@lifeboat/model";
import { displayName } from "@lifeboat/model";

export const statusCodes = { ok: 0, endOfFile: 1, noSuchFile: 2, permissionDenied: 3 } as const;

const words: Readonly<Record<number, string>> = {
  [statusCodes.endOfFile]: "End of file",
  [statusCodes.noSuchFile]: "No such file or directory",
  [statusCodes.permissionDenied]: "Permission denied",
};

/** The server's no to one request: about one file, never about the connection. */
export class SftpStatus extends Error {
  readonly code: number;

  constructor(code: number, text: ByteString) {
    super(words[code] ?? `${displayName(text.slice(0, 200) as ByteString) || "Failure"} (SFTP status ${code})`);
    this.code = code;
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof SftpStatus && error.code === statusCodes.noSuchFile;
}
