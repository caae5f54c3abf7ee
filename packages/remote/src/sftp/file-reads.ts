import type { FileEntry } from "@lifeboat/model";
import { asStatus } from "./read-folder.ts";
import type { SftpClient } from "./sftp-client.ts";
import { SftpStatus } from "./sftp-status.ts";

/** Files that are open or being opened ahead of the one whose content is taken; servers allow some hundred handles. */
const maxOpenAhead = 48;
/** Asked for and not taken yet. */
const maxWaitingBytes = 16 * 1024 * 1024;

/** What was asked for in one piece: all of it, what there is before the end, or the server's no. */
type Piece = Promise<readonly Uint8Array[] | SftpStatus>;

interface OpenFile {
  readonly entry: FileEntry;
  readonly handle: Promise<Uint8Array | SftpStatus>;
  readonly pieces: { readonly piece: Piece; readonly length: number }[];
  /** The first byte that nobody has asked for. */
  next: number;
}

/**
 * The content of files, one after the other, from many requests in flight: on the file that is taken and on those that come
 * next. Pieces are asked for strictly in the order in which they are taken, so that none can hold up the one before it.
 */
export class FileReads {
  readonly #client: SftpClient;
  readonly #coming: Iterator<FileEntry>;
  readonly #files: OpenFile[] = [];
  #waitingBytes = 0;
  #asking = false;
  #wake: (() => void) | undefined;

  /** `files`: in the order in which `read` will be called for them. */
  constructor(client: SftpClient, files: Iterable<FileEntry>) {
    this.#client = client;
    this.#coming = files[Symbol.iterator]();
    this.#openMore();
  }

  /**
   * The content of the next file, as many bytes as were listed or fewer where it ends before. Returns undefined, or why it
   * could not be read (to its end).
   */
  async *read(entry: FileEntry): AsyncGenerator<Uint8Array, SftpStatus | undefined, undefined> {
    const file = this.#files[0];
    if (file?.entry !== entry) throw new TypeError("files are read in the order in which they were given");
    const handle = await file.handle;
    try {
      if (handle instanceof SftpStatus) return handle;
      for (let taken = 0; taken < entry.size; ) {
        while (file.pieces.length === 0) {
          void this.#ask();
          if (file.pieces.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        }
        const { piece, length } = file.pieces[0] as OpenFile["pieces"][number];
        const bytes = await piece;
        file.pieces.shift();
        this.#waitingBytes -= length;
        void this.#ask();
        if (bytes instanceof SftpStatus) return bytes;
        let got = 0;
        for (const part of bytes) {
          got += part.length;
          yield part;
        }
        // The file has become shorter; what was asked for behind its end has nothing.
        if (got < length) return undefined;
        taken += length;
      }
      return undefined;
    } finally {
      file.next = entry.size;
      for (const { length } of file.pieces) this.#waitingBytes -= length;
      file.pieces.length = 0;
      this.#files.shift();
      if (!(handle instanceof SftpStatus)) this.#client.closeHandle(handle).catch(() => undefined);
      this.#openMore();
    }
  }

  #openMore(): void {
    while (this.#files.length < maxOpenAhead) {
      const { value: entry, done } = this.#coming.next();
      if (done === true) break;
      const handle = this.#client.openFile(entry.path).catch(asStatus);
      handle.catch(() => undefined);
      this.#files.push({ entry, handle, pieces: [], next: 0 });
    }
    void this.#ask();
  }

  /** Asks for pieces of the open files in their order, as long as there is room. One of it runs at a time. */
  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (;;) {
        const file = this.#files.find(({ entry, next }) => next < entry.size);
        if (file === undefined || this.#waitingBytes >= maxWaitingBytes) return;
        const handle = await file.handle.catch(() => undefined);
        if (handle === undefined) return;
        if (handle instanceof SftpStatus) {
          file.next = file.entry.size;
          continue;
        }
        // Its reader may have ended while the handle came.
        const length = Math.min(this.#client.readBytes, file.entry.size - file.next);
        if (length <= 0 || !this.#files.includes(file)) continue;
        const piece = this.#readPiece(handle, file.next, length);
        piece.catch(() => undefined);
        file.next += length;
        file.pieces.push({ piece, length });
        this.#waitingBytes += length;
        this.#wake?.();
        this.#wake = undefined;
      }
    } finally {
      this.#asking = false;
    }
  }

  /** A server may answer with less than it was asked for, also before the end. */
  async #readPiece(handle: Uint8Array, offset: number, length: number): Promise<readonly Uint8Array[] | SftpStatus> {
    const parts: Uint8Array[] = [];
    for (let got = 0; got < length; ) {
      const bytes = await this.#client.read(handle, offset + got, length - got).catch(asStatus);
      if (bytes instanceof SftpStatus) return bytes;
      if (bytes === undefined) break;
      parts.push(bytes);
      got += bytes.length;
    }
    return parts;
  }
}
