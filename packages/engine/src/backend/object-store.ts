/** One object as listed. `name` is a path inside the repository, such as `data/ab/abcd...` or `config`. */
export interface ObjectInfo {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, by the store's clock. */
  readonly modified?: number;
}

export interface OperationOptions {
  /** Stops the operation; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions extends OperationOptions {
  /** Only names that come after this one in byte order: lets a broken listing go on where it stopped. */
  readonly after?: string | undefined;
}

export interface RangeOptions extends OperationOptions {
  /** First byte wanted; default 0. */
  readonly offset?: number | undefined;
  /** Bytes wanted, at least 1; default all up to the end. An object that has fewer is an error, never a short answer. */
  readonly length?: number | undefined;
}

/** Gives bytes leave to go over the line; one for each direction, shared by all operations that a limit holds for. */
export interface Pace {
  /** Bytes that one piece may have, at least 1; asked anew before each. Small enough that no connection waits until it is cut. */
  pieceBytes(): number;
  /** Resolves when so many bytes may go. Rejects with the signal's reason. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
}

export interface GetOptions extends RangeOptions {
  /** Refuses a larger answer before memory is allocated for it; default `defaultMaxBytes`. */
  readonly maxBytes?: number | undefined;
  /**
   * Memory to read into; the answer is a view of its beginning, and one that does not fit is refused like one over
   * `maxBytes`. Who reads many packs uses the same memory again: fresh arrays of 16 MiB cost the collector more time than
   * the whole download. After an error its content is undefined, and it is no longer written to.
   */
  readonly into?: Uint8Array | undefined;
  /** Asked before each piece that is read. */
  readonly pace?: Pace | undefined;
  /** A pack of folders: it is read again and again, and worth being kept at hand. */
  readonly metadata?: boolean | undefined;
}

export interface PutOptions extends OperationOptions {
  /** Lower-case hex SHA-256 of the body where the caller knows it: the signature reuses it, nothing is hashed twice. */
  readonly sha256?: string | undefined;
  /** Asked before each piece that is sent. */
  readonly pace?: Pace | undefined;
  /** A pack of folders: it is read again and again, and worth being kept at hand. */
  readonly metadata?: boolean | undefined;
}

export type ObjectBody = Uint8Array | readonly Uint8Array[];

/**
 * Where a repository lies: a flat set of named objects. Every implementation passes the same contract suite.
 *
 * Errors: `object-missing`, `repository-damaged` (an object is smaller than the range asked for, or larger than allowed),
 * `store-unreachable`, `store-failed`, `store-refused`, `store-full`, `store-bucket-missing`. An error's `retry` says
 * whether the same call can help later; the retry wrapper goes by that and nothing else.
 */
export interface ObjectStore {
  /** For people, without secrets. */
  readonly url: string;
  /** How many operations are worth running at once. */
  readonly connections: number;
  /**
   * All objects whose name starts with `prefix`, in byte order of the name. A missing folder is an empty list.
   * Unfinished uploads do not show.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** undefined: there is no such object. */
  stat(name: string, options?: OperationOptions): Promise<ObjectInfo | undefined>;
  /** The bytes belong to the caller. */
  get(name: string, options?: GetOptions): Promise<Uint8Array>;
  /** Rejects when the object is missing; the stream fails when it ends early. Breaking off the iteration closes it. */
  getStream(name: string, options?: RangeOptions): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Atomic, and durable when it resolves. The same bytes again are fine. `body` must not change until then: a retry
   * sends it again.
   */
  put(name: string, body: ObjectBody, options?: PutOptions): Promise<void>;
  /** A missing object is a success. */
  delete(name: string, options?: OperationOptions): Promise<void>;
  /** The store's own clock in milliseconds since 1970: ages of locks are judged by it. */
  serverTime?(options?: OperationOptions): Promise<number>;
  close(): Promise<void>;
}

export const defaultMaxBytes = 512 * 1024 * 1024;
