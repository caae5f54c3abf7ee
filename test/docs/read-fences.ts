import { readFile } from "node:fs/promises";
import { join } from "node:path";

export const projectFolder = join(import.meta.dirname, "../..");

/** A fenced block of a document. */
export interface Fence {
  /** "sh", "yaml", "text"; empty when the fence names none. */
  readonly language: string;
  readonly text: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** `<!-- run -->` stands right above it: the block must work as it is. */
  readonly isRun: boolean;
}

/** `path` is relative to the project. */
export async function readDocument(path: string): Promise<string> {
  return readFile(join(projectFolder, path), "utf8");
}

export function readFences(text: string): Fence[] {
  const lines = text.split("\n");
  const fences: Fence[] = [];
  for (let at = 0; at < lines.length; at++) {
    const opening = /^```(\w*)$/.exec(lines[at] ?? "");
    if (opening === null) continue;
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`the fence in line ${at + 1} never ends`);
    const isRun = (lines[at - 1] ?? "").trim() === "<!-- run -->";
    fences.push({ language: opening[1] ?? "", text: lines.slice(at + 1, end).join("\n"), line: at + 1, isRun });
    at = end;
  }
  return fences;
}
