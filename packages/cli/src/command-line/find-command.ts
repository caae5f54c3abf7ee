import { commandRows, type TableRow } from "./command-table.ts";
import { valuedOptions } from "./global-options.ts";

export type FoundCommand =
  | { readonly kind: "command"; readonly row: TableRow; readonly rest: readonly string[] }
  /** "repo" without a verb; rows are its commands. */
  | {
      readonly kind: "group";
      readonly group: string;
      readonly rows: readonly TableRow[];
      readonly wrong: string | undefined;
      readonly help: boolean;
    }
  | { readonly kind: "none"; readonly wrong: string | undefined };

/** Takes the command's words out of the arguments, wherever options stand around them. */
export function findCommand(argv: readonly string[]): FoundCommand {
  const places = wordPlaces(argv);
  const [first, second] = places.map((at) => argv[at]);
  if (first === undefined) return { kind: "none", wrong: undefined };
  const without = (...gone: (number | undefined)[]) => argv.filter((_, at) => !gone.includes(at));
  const pair = commandRows.find((row) => row.name === `${first} ${second}`);
  if (pair !== undefined) return { kind: "command", row: pair, rest: without(places[0], places[1]) };
  const single = commandRows.find((row) => row.name === first);
  if (single !== undefined) {
    // `snapshots list` is what people of other tools write.
    const extra = first === "snapshots" && second === "list" ? places[1] : undefined;
    return { kind: "command", row: single, rest: without(places[0], extra) };
  }
  const rows = commandRows.filter((row) => row.name.startsWith(`${first} `));
  if (rows.length === 0) return { kind: "none", wrong: first };
  return { kind: "group", group: first, rows, wrong: second, help: argv.some((word) => word === "--help" || word === "-h") };
}

/** Places of the first two words that are neither options nor values of common ones. */
function wordPlaces(argv: readonly string[]): number[] {
  const places: number[] = [];
  for (let at = 0; at < argv.length && places.length < 2; at++) {
    const word = argv[at]!;
    if (word === "--") break;
    if (valuedOptions.has(word)) at++;
    else if (!word.startsWith("-")) places.push(at);
  }
  return places;
}
