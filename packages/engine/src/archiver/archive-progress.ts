import { type Clock, displayName, type FileEntry, type ProgressListener } from "@lifeboat/model";

const intervalMilliseconds = 250;

/** Counts and tells, a few times a second. Percent and time left only when the listing is complete: before, they would lie. */
export class ArchiveProgress {
  readonly #clock: Clock;
  readonly #listener: ProgressListener | undefined;
  readonly #started: number;
  #next: number;
  #totalFiles = 0;
  #totalBytes = 0;
  #filesDone = 0;
  #bytesDone = 0;
  /** Of files that are being read; becomes done with the file. */
  #bytesPartly = 0;
  #errors = 0;
  #isListed = false;

  constructor(clock: Clock, listener: ProgressListener | undefined) {
    this.#clock = clock;
    this.#listener = listener;
    this.#started = clock.now();
    this.#next = this.#started + intervalMilliseconds;
  }

  found(entry: FileEntry): void {
    if (entry.type !== "file") return;
    this.#totalFiles++;
    this.#totalBytes += entry.size;
  }

  listed(): void {
    this.#isListed = true;
  }

  read(entry: FileEntry, bytes: number): void {
    this.#bytesPartly += bytes;
    this.#tell(entry);
  }

  /** Bytes that were told as read and will be read again. */
  dropped(bytes: number): void {
    this.#bytesPartly = Math.max(0, this.#bytesPartly - bytes);
  }

  done(entry: FileEntry): void {
    if (entry.type !== "file") return;
    this.#filesDone++;
    this.#bytesDone += entry.size;
    this.#bytesPartly = Math.max(0, this.#bytesPartly - entry.size);
    this.#tell(entry);
  }

  error(): void {
    this.#errors++;
  }

  #tell(current: FileEntry): void {
    if (this.#listener === undefined) return;
    const now = this.#clock.now();
    if (now < this.#next) return;
    this.#next = now + intervalMilliseconds;
    const seconds = (now - this.#started) / 1000;
    const bytes = Math.min(this.#bytesDone + this.#bytesPartly, this.#totalBytes);
    const ratio = this.#totalBytes === 0 ? 0 : bytes / this.#totalBytes;
    this.#listener({
      message_type: "status",
      phase: this.#isListed ? "reading" : "listing and reading",
      seconds_elapsed: Math.round(seconds),
      ...(this.#isListed && { percent_done: ratio }),
      ...(this.#isListed && ratio > 0.01 && { seconds_remaining: Math.round((seconds / ratio) * (1 - ratio)) }),
      total_files: this.#totalFiles,
      files_done: this.#filesDone,
      total_bytes: this.#totalBytes,
      bytes_done: bytes,
      error_count: this.#errors,
      current_files: [displayName(current.path)],
    });
  }
}
