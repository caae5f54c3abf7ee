/** A blob of a file's earlier state. */
export interface BaseBlob {
  readonly id: string;
  /** Of its plain bytes. */
  readonly length: number;
}

/** A range of a file as it is now, beside the blob that lay there before. */
export interface BasePiece {
  readonly start: number;
  readonly end: number;
  readonly blob: BaseBlob;
  /** Where the piece begins within the blob. */
  readonly within: number;
  /** The blob whole, ended by a cut that does not move when its bytes are the same: if the piece begins at a cut, it is a blob again. */
  readonly keepsCut: boolean;
}

/**
 * The pieces of a file of `size` bytes from `from` on, as far as its earlier state went. The last blob of that one ended where the file
 * ended, which is a cut again only if the file still ends there.
 */
export function* piecesOf(blobs: readonly BaseBlob[], from: number, size: number): Generator<BasePiece, void, undefined> {
  let at = 0;
  for (const [index, blob] of blobs.entries()) {
    const start = Math.max(at, from);
    const blobEnd = at + blob.length;
    const end = Math.min(blobEnd, size);
    if (start < end) {
      const isWhole = start === at && end === blobEnd;
      const keepsCut = isWhole && (index < blobs.length - 1 || size === blobEnd);
      yield { start, end, blob, within: start - at, keepsCut };
    }
    at = blobEnd;
  }
}

/** Neighbours together, at most `maxBytes` in sum unless one alone is longer. */
export function* groupPieces(pieces: Iterable<BasePiece>, maxBytes: number): Generator<readonly BasePiece[], void, undefined> {
  let group: BasePiece[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const length = piece.end - piece.start;
    if (group.length > 0 && bytes + length > maxBytes) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(piece);
    bytes += length;
  }
  if (group.length > 0) yield group;
}
