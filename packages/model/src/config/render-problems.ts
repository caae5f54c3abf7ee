import { type ConfigProblem, placeText } from "./config-problem.ts";
import type { ConfigFile } from "./parse-config.ts";
import { shownLine } from "./shown-line.ts";

export interface RenderProblemsOptions {
  readonly format?: "text" | "json" | "github";
  readonly color?: boolean;
  /** Show every known key, not only the first six. */
  readonly all?: boolean;
}

/** All problems for people, scripts or a code review. No secret that stands in a file is repeated. */
export function renderProblems(
  problems: readonly ConfigProblem[],
  files: readonly ConfigFile[],
  options: RenderProblemsOptions = {},
): string {
  if (options.format === "json") return `${JSON.stringify(problemsObject(problems), null, 2)}\n`;
  if (options.format === "github") return problems.map((problem) => `${githubLine(problem)}\n`).join("");
  const lines = problems.flatMap((problem) => textLines(problem, problems, files, options));
  return `${[...lines, summary(problems, files.length)].join("\n")}\n`;
}

function problemsObject(problems: readonly ConfigProblem[]) {
  return {
    schema: "lifeboat.problems/1",
    errors: problems.filter((problem) => problem.severity === "error").length,
    warnings: problems.filter((problem) => problem.severity === "warning").length,
    problems: problems.map(({ place, ...problem }) => ({
      file: place.file,
      line: place.line,
      column: place.column,
      end_column: place.endColumn,
      ...problem,
    })),
  };
}

/** A workflow command of GitHub Actions: its own escapes for data and for properties. */
function githubLine(problem: ConfigProblem): string {
  const data = (text: string) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (text: string) => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
  const { place } = problem;
  const message = problem.hint === undefined ? problem.message : `${problem.message}: ${problem.hint}`;
  return (
    `::${problem.severity} file=${property(place.file)},line=${place.line},col=${place.column},` +
    `endColumn=${place.endColumn},title=${property(problem.code)}::${data(message)}`
  );
}

function textLines(
  problem: ConfigProblem,
  all: readonly ConfigProblem[],
  files: readonly ConfigFile[],
  options: RenderProblemsOptions,
): string[] {
  const paint = (code: number, text: string) => (options.color === true ? `\u001b[${code}m${text}\u001b[0m` : text);
  const word = paint(problem.severity === "error" ? 31 : 33, problem.severity);
  const head = `${placeText(problem.place, true)}: ${word}: ${printable(problem.message)} [${problem.code}]`;
  const source = files.find((file) => file.path === problem.place.file)?.text.split(/\r\n|\r|\n/)[problem.place.line - 1];
  const advice = [problem.hint, knownText(problem, options.all === true)].filter((part) => part !== undefined).join("   ");
  if (source === undefined || source.trim() === "") return advice === "" ? [head] : [head, `   ${printable(advice)}`];
  const secrets = all
    .filter(
      (one) => one.code === "inline-secret" && one.place.file === problem.place.file && one.place.line === problem.place.line,
    )
    .map((one) => [one.place.column - 1, one.place.endColumn - 1] as const);
  const shown = shownLine(source, problem.place, secrets);
  const number = String(problem.place.line);
  const margin = `${" ".repeat(number.length)} |`;
  const caret = paint(36, `^${"~".repeat(Math.max(0, shown.caretWidth - 1))}`);
  const below = `${margin} ${" ".repeat(shown.caretAt)}${caret}${advice === "" ? "" : `  ${printable(advice)}`}`;
  return [head, margin, `${number} | ${shown.text}`, below];
}

function knownText(problem: ConfigProblem, all: boolean): string | undefined {
  const { known } = problem;
  if (known === undefined || known.length === 0) return undefined;
  if (all || known.length <= 6) return `known here: ${known.join(", ")}`;
  return `known here: ${known.slice(0, 6).join(", ")}, ... (--all to see ${known.length})`;
}

function summary(problems: readonly ConfigProblem[], fileCount: number): string {
  const count = (severity: string) => problems.filter((problem) => problem.severity === severity).length;
  const plural = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const parts = [plural(count("error"), "error"), ...(count("warning") > 0 ? [plural(count("warning"), "warning")] : [])];
  return `${parts.join(", ")} in ${plural(fileCount, "file")}.${count("error") > 0 ? " Nothing was changed." : ""}`;
}

/** A file's text must not be able to move the cursor of a terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
