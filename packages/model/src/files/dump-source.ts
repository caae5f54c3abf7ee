/** What a dump program told, after its end; goes into the `facts` side object. */
export interface DumpFacts {
  /** "postgresql" | "sqlite" ... */
  readonly engine: string;
  /** Of the server, e.g. "15.18". */
  readonly serverVersion: string;
  /** Of the dump program. */
  readonly programVersion: string;
  /** Rows per table, counted in the dump's own snapshot where the engine can; else as said in `consistency`. */
  readonly rows: Readonly<Record<string, number>>;
  readonly tables: readonly string[];
  /** Grade: "application" for a dump in one transaction. */
  readonly consistency: "crash" | "moment" | "application" | "service";
}

/** One database dump, streamed, never stored on the host. */
export interface DumpSource {
  readonly name: string;
  /** Extension of the virtual file, without the dot: "pgdump", "sql". */
  readonly extension: string;
  /**
   * Starts the dump. `finished` settles after the stream's end: it rejects when the program failed, when the end marker
   * or the archive's end is missing, or when the connection broke. A dump whose `finished` rejected must not be stored.
   */
  open(options: { readonly signal: AbortSignal }): Promise<{
    readonly stream: AsyncIterable<Uint8Array>;
    readonly finished: Promise<DumpFacts>;
  }>;
  bytesReceived(): number;
}
