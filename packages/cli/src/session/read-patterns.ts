import { type ByteString, byteString, globToRegex, LifeboatError } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";

export type PathTest = (path: ByteString, isFolder: boolean) => boolean;

/**
 * Whether an absolute path fits one of the patterns of `--NAME`, or of `--iNAME` without regard to case. undefined: none was given.
 * Errors: `usage`.
 */
export function readPatterns(values: OptionValues, name: "include" | "exclude"): PathTest | undefined {
  const patterns = [
    ...values.texts(name).map((glob) => compile(glob, "")),
    ...values.texts(`i${name}`).map((glob) => compile(glob, "i")),
  ];
  if (patterns.length === 0) return undefined;
  return (path, isFolder) => patterns.some(({ regex, onlyFolders }) => (isFolder || !onlyFolders) && regex.test(path));
}

/** The same patterns as a person gave them, for what is said of them. */
export function patternTexts(values: OptionValues, name: "include" | "exclude"): readonly string[] {
  return [...values.texts(name), ...values.texts(`i${name}`)];
}

function compile(glob: string, flags: string): { readonly regex: RegExp; readonly onlyFolders: boolean } {
  const pattern = glob.replace(/\/+$/, "");
  if (pattern === "" || pattern.length > 4096) throw new LifeboatError("usage", `"${glob.slice(0, 100)}" is no pattern`);
  try {
    return { regex: new RegExp(`^(?:${globToRegex(byteString(pattern))})$`, `${flags}s`), onlyFolders: glob.endsWith("/") };
  } catch (error) {
    throw new LifeboatError("usage", `"${glob}" is no pattern`, { cause: error });
  }
}
