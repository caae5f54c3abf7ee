import { glob, open } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import { guardConfigFile } from "./guard-config-file.ts";

const maxFileBytes = 8 * 1024 * 1024;
const maxFiles = 1000;

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/**
 * The file itself, then what it includes: all patterns together, sorted by path, each file once. A pattern without a wildcard
 * must exist. Includes of included files are not followed.
 * `includesOf` finds the patterns in the first file's text (host knows no YAML).
 */
export async function readConfigFiles(
  path: string,
  includesOf: (text: string, path: string) => readonly string[],
): Promise<ConfigFile[]> {
  const first = await readConfigFile(path);
  const included = new Set<string>();
  for (const pattern of includesOf(first.text, path)) {
    for (const found of await expand(pattern, dirname(path))) {
      if (found !== path) included.add(found);
      if (included.size > maxFiles) {
        throw new LifeboatError("config-invalid", `${path}: include '${pattern}' finds more than ${maxFiles} files`);
      }
    }
  }
  const files = [first];
  for (const found of [...included].sort()) files.push(await readConfigFile(found));
  return files;
}

async function expand(pattern: string, folder: string): Promise<string[]> {
  if (!/[*?[{]/.test(pattern)) return [resolve(folder, pattern)];
  const found: string[] = [];
  for await (const name of glob(pattern, { cwd: folder })) {
    found.push(isAbsolute(name) ? name : resolve(folder, name));
    if (found.length > maxFiles) break;
  }
  return found;
}

async function readConfigFile(path: string): Promise<ConfigFile> {
  try {
    await using file = await open(path, "r");
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error("it is not a file");
    await guardConfigFile(path, stat);
    if (stat.size > maxFileBytes) throw new Error(`it has ${stat.size} bytes, the limit is ${maxFileBytes}`);
    return { path, text: await file.readFile("utf8") };
  } catch (error) {
    if (isLifeboatError(error)) throw error;
    const code = (error as NodeJS.ErrnoException).code === "ENOENT" ? "config-missing" : "config-invalid";
    throw new LifeboatError(code, `configuration ${path} cannot be read (${messageOf(error)})`, { cause: error });
  }
}
