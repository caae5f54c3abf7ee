export { Chunker, type ChunkerOptions } from "./chunker.ts";
export { createPolynomial, isIrreducible, parsePolynomial } from "./polynomial.ts";
