import { type Complaint, parseComplaint } from "./complaints.ts";

/** A path of 4095 bytes of which each is written as four, and the words about it. */
const maxLineBytes = 32 * 1024;
const maxOthers = 100;
const maxWords = 500;

/**
 * What a program writes to stderr, understood as it comes: hundreds of thousands of complaints cost no more than whoever is told of
 * them keeps. Lines about no path are kept in `others`, the first hundred.
 */
export class ComplaintReader {
  readonly #program: string;
  readonly #told: (complaint: Complaint) => void;
  readonly #others: string[] = [];
  #carry = "";
  #isTooLong = false;
  #othersDropped = 0;
  #count = 0;
  #bytes = 0;

  constructor(program: string, told: (complaint: Complaint) => void) {
    this.#program = program;
    this.#told = told;
  }

  /** For `RunOptions.complained`. */
  readonly push = (bytes: Uint8Array): void => {
    this.#bytes += bytes.length;
    const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8").split("\n");
    const last = lines.pop() ?? "";
    for (const line of lines) {
      this.#line(this.#carry + line);
      this.#carry = "";
      this.#isTooLong = false;
    }
    this.#carry += last;
    if (this.#carry.length <= maxLineBytes) return;
    this.#carry = this.#carry.slice(0, maxLineBytes);
    this.#isTooLong = true;
  };

  /** After the program's end: a last line without its line end. */
  end(): void {
    this.#line(this.#carry);
    this.#carry = "";
  }

  /** Lines about a path. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get others(): readonly string[] {
    if (this.#othersDropped === 0) return this.#others;
    return [...this.#others, `... and ${this.#othersDropped} more lines`];
  }

  /** A line has begun that is not understood yet. */
  get isWithin(): boolean {
    return this.#carry !== "";
  }

  #line(line: string): void {
    if (line.trim() === "") return;
    const complaint = this.#isTooLong || line.length > maxLineBytes ? undefined : parseComplaint(this.#program, line);
    if (complaint !== undefined) {
      this.#count++;
      this.#told({ path: complaint.path, message: complaint.message.slice(0, maxWords) });
    } else if (this.#others.length < maxOthers) this.#others.push(line.slice(0, maxWords));
    else this.#othersDropped++;
  }
}
