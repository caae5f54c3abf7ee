import { glob, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { matchesPatternList } from "../match-pattern.ts";
import { type SshConfigLine, splitLine } from "./split-line.ts";

/** A value and the line it stands on: "FILE:LINE". */
export interface SshConfigValue {
  readonly value: string;
  readonly place: string;
}

export interface SshConfigFile {
  readonly path: string;
  /** Where its relative includes begin. */
  readonly folder: string;
  /** For includes under "~/"; undefined: they are refused. */
  readonly home: string | undefined;
  /** False: it need not exist. */
  readonly required: boolean;
}

/** What ssh_config files say about one host: by keyword (lower case) the values in their order; what was first counts. */
export interface SshConfigAnswer {
  readonly values: ReadonlyMap<string, readonly SshConfigValue[]>;
  /** What would apply but is not understood, each with its line. */
  readonly unsupported: readonly string[];
}

const maxFileBytes = 1024 * 1024;
const maxDepth = 16;
const maxFiles = 1000;

const oneWord = new Set(["hostname", "port", "user", "identitiesonly", "identityagent", "proxyjump", "hostkeyalias"]);
const manyWords = new Set(["userknownhostsfile", "globalknownhostsfile"]);
/** They change whom one reaches or as whom, and have no counterpart here. ProxyCommand is refused where it would be used. */
const withoutCounterpart: Readonly<Record<string, string>> = {
  bindaddress: "BindAddress",
  bindinterface: "BindInterface",
  canonicalizehostname: "CanonicalizeHostname",
  certificatefile: "CertificateFile",
  knownhostscommand: "KnownHostsCommand",
  pkcs11provider: "PKCS11Provider",
};

/** Reads the files as `ssh` would for `alias`: the first value wins, key files add up. Errors: `ssh-config-invalid`. */
export async function lookUpSshHost(alias: string, files: readonly SshConfigFile[]): Promise<SshConfigAnswer> {
  const lookup = new Lookup(alias);
  for (const file of files) await lookup.file(file, { active: true, depth: 0 });
  return lookup;
}

class Lookup implements SshConfigAnswer {
  readonly values = new Map<string, SshConfigValue[]>();
  readonly unsupported: string[] = [];
  readonly #alias: string;
  #files = 0;

  constructor(alias: string) {
    this.#alias = alias;
  }

  async file(file: SshConfigFile, outer: { readonly active: boolean; readonly depth: number }): Promise<void> {
    const text = await readConfigText(file);
    if (text === undefined) return;
    if (++this.#files > maxFiles) throw invalid(file.path, `more than ${maxFiles} files are included`);
    let active = outer.active;
    let unclear = false;
    for (const [index, line] of text.split("\n").entries()) {
      const place = `${file.path}:${index + 1}`;
      const parsed = splitOrThrow(line, place);
      if (parsed === undefined) continue;
      const { keyword, words } = parsed;
      if (keyword === "host") {
        if (words.length === 0) throw invalid(place, "Host names no pattern");
        active = outer.active && matchesPatternList(words, this.#alias);
        unclear = false;
      } else if (keyword === "match") {
        active = outer.active && words.length === 1 && words[0]?.toLowerCase() === "all";
        // Whether such a block applies would have to be asked of programs and of names that only ssh knows.
        unclear = outer.active && !active;
        if (unclear) this.unsupported.push(`${place}: "Match ${words.join(" ")}" is not supported, its lines are passed over`);
      } else if (keyword === "include" && !unclear) {
        for (const path of await includedFiles(words, file, place)) {
          if (outer.depth >= maxDepth) throw invalid(place, `includes are nested deeper than ${maxDepth}`);
          await this.file({ ...file, path, required: false }, { active, depth: outer.depth + 1 });
        }
      } else if (active) this.#take(keyword, words, place);
    }
  }

  #take(keyword: string, words: readonly string[], place: string): void {
    const [value] = words;
    if (value === undefined) return;
    if (keyword === "identityfile") {
      this.values.set(keyword, [...(this.values.get(keyword) ?? []), { value, place }]);
      return;
    }
    // The two exclude each other, whichever stands first.
    if (
      (keyword === "proxyjump" || keyword === "proxycommand") &&
      (this.values.has("proxyjump") || this.values.has("proxycommand"))
    )
      return;
    if (keyword in withoutCounterpart && !/^(no|none)$/i.test(value)) {
      this.unsupported.push(`${place}: ${withoutCounterpart[keyword]} is not supported`);
    }
    if (this.values.has(keyword)) return;
    if (oneWord.has(keyword)) this.values.set(keyword, [{ value, place }]);
    else if (manyWords.has(keyword))
      this.values.set(
        keyword,
        words.map((word) => ({ value: word, place })),
      );
    else if (keyword === "proxycommand") this.values.set(keyword, [{ value: words.join(" "), place }]);
  }
}

async function readConfigText(file: SshConfigFile): Promise<string | undefined> {
  try {
    const text = await readFile(file.path, "utf8");
    if (text.length > maxFileBytes) throw new Error(`it has more than ${maxFileBytes} bytes`);
    return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!file.required && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    throw new LifeboatError("ssh-config-invalid", `cannot read ${file.path}: ${messageOf(error)}`, { cause: error });
  }
}

async function includedFiles(words: readonly string[], file: SshConfigFile, place: string): Promise<string[]> {
  const found: string[] = [];
  for (const word of words) {
    if (word.startsWith("~") && (file.home === undefined || !word.startsWith("~/")))
      throw invalid(place, `there is no home folder to look for ${word} in`);
    const path = word.startsWith("~/") ? join(file.home ?? "/", word.slice(2)) : resolve(file.folder, word);
    const matches: string[] = [];
    for await (const match of glob(path)) {
      matches.push(match);
      if (matches.length > maxFiles) throw invalid(place, `more than ${maxFiles} files are included`);
    }
    found.push(...matches.sort());
  }
  return found;
}

function splitOrThrow(line: string, place: string): SshConfigLine | undefined {
  try {
    return splitLine(line);
  } catch (error) {
    throw invalid(place, messageOf(error));
  }
}

function invalid(place: string, what: string): LifeboatError {
  return new LifeboatError("ssh-config-invalid", `${place}: ${what}`);
}
