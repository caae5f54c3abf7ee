import { type Html, html } from "../html/html.ts";

export interface Choice {
  readonly name: string;
  readonly label: string;
  readonly values: readonly string[];
  /** The words for the values, where they are not the values themselves. */
  readonly words: Readonly<Record<string, string>>;
  /** Undefined: all. */
  readonly value: string | undefined;
  /** What the address said and nobody knows. */
  readonly unknown: string | undefined;
}

interface ChoiceSpec {
  readonly name: string;
  readonly label: string;
  readonly values: readonly string[];
  readonly words?: Readonly<Record<string, string>>;
  /** Values that are right but not offered at the moment. Default: any value of an address is one. */
  readonly known?: readonly string[];
}

const maxValueChars = 200;

/** Reads one filter from the address; a value that cannot be is told, never silently taken for "all". */
export function readChoice(query: URLSearchParams, spec: ChoiceSpec): Choice {
  const given = query.get(spec.name)?.slice(0, maxValueChars) ?? "";
  const isKnown = spec.values.includes(given) || (spec.known?.includes(given) ?? false);
  const base = { name: spec.name, label: spec.label, values: spec.values, words: spec.words ?? {} };
  if (given === "") return { ...base, value: undefined, unknown: undefined };
  if (isKnown)
    return {
      ...base,
      values: spec.values.includes(given) ? spec.values : [...spec.values, given],
      value: given,
      unknown: undefined,
    };
  return { ...base, value: undefined, unknown: given };
}

/** A GET form: the filter stands in the address, so a view can be shared and works without script. */
export function filterForm(action: string, choices: readonly Choice[]): Html {
  const used = choices.filter((choice) => choice.values.length > 0);
  const isSet = choices.some((choice) => choice.value !== undefined || choice.unknown !== undefined);
  return html`<form class="filter" method="get" action="${action}">${used.map(
    (choice) =>
      html`<label>${choice.label} <select name="${choice.name}"><option value="">all</option>${choice.values.map(
        (value) =>
          html`<option value="${value}"${value === choice.value ? html` selected` : ""}>${choice.words[value] ?? value}</option>`,
      )}</select></label>`,
  )}<button type="submit">Filter</button>${isSet ? html` <a href="${action}">Clear</a>` : ""}</form>${choices.map((choice) =>
    choice.unknown === undefined
      ? ""
      : html`<p class="notice" role="status">The filter ${choice.name}=${choice.unknown} is not known and was left out.</p>`,
  )}`;
}
