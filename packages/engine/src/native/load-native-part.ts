import { createRequire } from "node:module";

/** A part of `native/`, where set-up could compile it; undefined where it is missing or made for another machine. */
export function loadNativePart(name: "acknowledge" | "blob-codec"): unknown {
  try {
    return createRequire(import.meta.url)(`../../native/build/${name}.node`);
  } catch {
    return undefined;
  }
}
