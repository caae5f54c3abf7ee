import { readFileSync } from "node:fs";

/** assembly/rabin.ts with its memory: holds one growing chunk and finds where it ends. */
export interface CutFinder {
  readonly polynomial: bigint;
  /** The memory for the chunk's bytes, `chunkBytesMax` long. */
  readonly chunk: Uint8Array;
  /** Positions that one call of `findCut` should search. */
  readonly blockSize: number;
  /** The first length in first..last (both included, first >= 64) at which to cut the bytes in `chunk`; 0 if there is none. */
  findCut(first: number, last: number): number;
}

/** What one finder's memory holds: restic's largest chunk. */
export const chunkBytesMax = 8 * 1024 * 1024;

interface RabinExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  dataOffset(): number;
  blockSize(): number;
  setPolynomial(polynomial: bigint): void;
  findCut(first: number, last: number): number;
}

/** The part of the standard's WebAssembly that is used: TypeScript has it only together with a browser's whole DOM. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule) => { readonly exports: unknown };
}
type WasmModule = { readonly wasmModule: unique symbol };
const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly;

/** Compiled once per thread. */
let rabinModule: WasmModule | undefined;

/**
 * Finders at rest, at most `restingMax`: a backup of many small files must not pay 8 MiB of new memory for each file. A finder
 * that is never given back (its stream failed) is collected as garbage.
 */
const resting: CutFinder[] = [];
const restingMax = 4;

export function takeCutFinder(polynomial: bigint): CutFinder {
  const index = resting.findLastIndex((finder) => finder.polynomial === polynomial);
  const found = index === -1 ? undefined : resting.splice(index, 1)[0];
  return found ?? createCutFinder(polynomial);
}

export function giveBackCutFinder(finder: CutFinder): void {
  if (resting.length === restingMax) resting.shift();
  resting.push(finder);
}

function createCutFinder(polynomial: bigint): CutFinder {
  rabinModule ??= new wasm.Module(readFileSync(new URL("../../assembly/rabin.wasm", import.meta.url)));
  const rabin = new wasm.Instance(rabinModule).exports as RabinExports;
  rabin.setPolynomial(polynomial);
  return {
    polynomial,
    chunk: new Uint8Array(rabin.memory.buffer, rabin.dataOffset(), chunkBytesMax),
    blockSize: rabin.blockSize(),
    findCut: rabin.findCut,
  };
}
