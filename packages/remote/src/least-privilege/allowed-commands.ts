import type { ByteString, CommandArgument, CompiledSource } from "@lifeboat/model";
import { byteString, fromBytes } from "@lifeboat/model";
import * as postgres from "../databases/postgres-questions.ts";
import * as sqlite from "../databases/sqlite-questions.ts";
import { factsCommand, sudoPrograms } from "../files/host-facts.ts";
import { leftOutMarks } from "../files/list-command.ts";
import {
  hashCommand,
  ownersCommand,
  ownersFileCommand,
  rangesCommand,
  readCommand,
  readRestCommand,
  recordFormat,
  statCommand,
  statManyCommand,
} from "../files/remote-commands.ts";

/** One command that a checking script lets pass. */
export interface AllowedCommand {
  /** A Perl pattern over the words joined by NUL, anchored. Groups `roots` and `above` hold paths, each behind a NUL. */
  readonly pattern: string;
  /** `names` may be of anything below the paths; `files` of regular files alone, and the first one of `ranges`, for what opens them. */
  readonly input: "" | "names" | "files" | "ranges" | "psql" | "sqlite3";
  readonly sudo: boolean;
}

export interface AllowedQuestions {
  readonly psql: readonly ByteString[];
  readonly sqlite3: readonly ByteString[];
}

/** Stand for arguments that differ from call to call. */
const somePath = "\u0001path" as ByteString;
const someText = "\u0001text";
const someId = 4_242_424_242;

const anyWord = "[^\\x00]*";
const somePaths = (group: string) => `(?<${group}>(?:\\x00\\/${anyWord})+)`;

/** What a backup of `sources` and `host check` run, and nothing else. */
export function allowedCommands(sources: readonly CompiledSource[]): AllowedCommand[] {
  const commands: AllowedCommand[] = [{ pattern: exactly(["date", "+%s%3N"]), input: "", sudo: false }];
  const versions = new Set<string>();
  for (const source of sources) {
    if (source.type === "files") ["find", "tar"].map((program) => versions.add(program));
    if (source.type === "postgresql") ["psql", "pg_dump"].map((program) => versions.add(program));
    if (source.type === "sqlite") versions.add("sqlite3");
  }
  commands.push({ pattern: exactly(factsCommand([])), input: "", sudo: false });
  for (const { type } of sources) commands.push({ pattern: exactly(factsCommand(sudoPrograms[type])), input: "", sudo: false });
  for (const program of versions) commands.push({ pattern: exactly([program, "--version"]), input: "", sudo: program === "tar" });
  if (sources.some(({ type }) => type === "files")) commands.push(...fileCommands());
  for (const source of sources) {
    if (source.type === "postgresql") commands.push(...postgresCommands(source));
    if (source.type === "sqlite") commands.push(...sqliteCommands(source.path));
  }
  return commands;
}

function fileCommands(): AllowedCommand[] {
  const ids = exactly(ownersCommand("passwd", [someId]).slice(2)).slice(2, -2);
  const stat = (followLinks: boolean, group: string) => {
    const [find, option, , ...rest] = statCommand([somePath], followLinks);
    const end = rest.map((word) => `\\x00${escapeForPerl(bytesOf(word))}`).join("");
    return `\\A${find}\\x00${option}${somePaths(group)}${end}\\z`;
  };
  return [
    {
      pattern: `\\A(?:${["passwd", "group"].map((base) => `getent\\x00${base}`).join("|")})(?:\\x00[0-9]{1,${ids.length}})+\\z`,
      input: "",
      sudo: false,
    },
    { pattern: exactly(ownersFileCommand("passwd")), input: "", sudo: false },
    { pattern: exactly(ownersFileCommand("group")), input: "", sudo: false },
    { pattern: `\\Atest\\x00-e${somePaths("roots")}\\z`, input: "", sudo: true },
    { pattern: `\\Afind${somePaths("roots")}(?:${findWords()})*\\z`, input: "", sudo: true },
    { pattern: stat(true, "above"), input: "", sudo: true },
    { pattern: stat(false, "roots"), input: "", sudo: true },
    { pattern: exactly(statManyCommand()), input: "names", sudo: true },
    { pattern: exactly(hashCommand()), input: "names", sudo: true },
    { pattern: exactly(readCommand()), input: "names", sudo: true },
    // Reads no link either, so that the check of names holds for it as for tar. Where tar only describes a disk, dd would read it.
    {
      pattern: exactly(readRestCommand(someId, someId)).replaceAll(String(someId), "[0-9]{1,16}"),
      input: "files",
      sudo: true,
    },
    { pattern: exactly(rangesCommand("python3")), input: "ranges", sudo: true },
    { pattern: exactly(rangesCommand("perl")), input: "ranges", sudo: true },
  ];
}

/**
 * What may stand behind the paths of a find, in any order: tests of what is listed, each with its one argument, and the actions that
 * end a listing or print a record. find reads from left to right as this pattern does, so that an argument is never taken for a word.
 */
function findWords(): string {
  const formats = ["", ...Object.values(leftOutMarks)].map((mark) => escapeForPerl(byteString(`${mark}${recordFormat}`)));
  const words = [
    "-xdev",
    "\\(",
    "\\)",
    "!",
    "-o",
    "-prune",
    "-false",
    "-true",
    "-regextype\\x00posix-extended",
    `-(?:path|name|regex)\\x00${anyWord}`,
    "-type\\x00[df]",
    "-size\\x00\\+[0-9]{1,16}c",
    `-printf\\x00(?:${formats.join("|")})`,
  ];
  return `\\x00(?:${words.join("|")})(?=\\x00|\\z)`;
}

function postgresCommands(source: Extract<CompiledSource, { type: "postgresql" }>): AllowedCommand[] {
  const dump = exactly(postgres.pgDumpWords(source, someText));
  return [
    { pattern: exactly(postgres.psqlWords(source)), input: "psql", sudo: false },
    { pattern: dump.replace(escapeForPerl(byteString(someText)), "[0-9A-Fa-f-]+"), input: "", sudo: false },
  ];
}

function sqliteCommands(path: ByteString): AllowedCommand[] {
  return [
    { pattern: exactly(sqlite.sqliteWords(path)), input: "sqlite3", sudo: true },
    { pattern: exactly(["test", "-e", Buffer.from(path, "latin1")]), input: "", sudo: true },
  ];
}

/** Lines that a dump sends to psql and sqlite3, but for those that count rows. */
export function allowedQuestions(sources: readonly CompiledSource[]): AllowedQuestions {
  const psql = new Set<string>();
  const sqlite3 = new Set<string>();
  const add = (lines: Set<string>, ...questions: string[]) => {
    for (const line of questions.flatMap((question) => question.split("\n"))) lines.add(byteString(line));
  };
  for (const source of sources) {
    if (source.type === "postgresql") {
      add(psql, postgres.beginQuestion, postgres.echoLine, postgres.commitQuestion);
      add(psql, postgres.tablesQuestion(source.recordRows));
    }
    if (source.type === "sqlite") {
      add(sqlite3, sqlite.beginQuestion, sqlite.printLine, sqlite.tablesQuestion, sqlite.versionQuestion, sqlite.dumpLine);
    }
  }
  return { psql: [...psql] as ByteString[], sqlite3: [...sqlite3] as ByteString[] };
}

function exactly(argv: readonly CommandArgument[]): string {
  return `\\A${argv.map((word) => escapeForPerl(bytesOf(word))).join("\\x00")}\\z`;
}

function bytesOf(word: CommandArgument): ByteString {
  return typeof word === "string" ? byteString(word) : fromBytes(word);
}

/** Reads the same in a pattern, and between double quotes, of Perl. */
export function escapeForPerl(bytes: ByteString): string {
  return bytes.replace(/[^A-Za-z0-9_]/g, (letter) =>
    letter > " " && letter <= "~" ? `\\${letter}` : `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
