/** The options and arguments of one call, by their names on the command line. */
export class OptionValues {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];

  constructor(options: Readonly<Record<string, unknown>>, words: readonly string[]) {
    this.#options = options;
    this.words = words;
  }

  /** "password-file" -> its value. */
  text(name: string): string | undefined {
    const value = this.#options[camelCase(name)];
    return typeof value === "string" ? value : undefined;
  }

  texts(name: string): readonly string[] {
    const value = this.#options[camelCase(name)];
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : typeof value === "string" ? [value] : [];
  }

  flag(name: string): boolean {
    return this.#options[camelCase(name)] === true;
  }

  /** True for "cache" when --no-cache was given. */
  isOff(name: string): boolean {
    return this.#options[camelCase(name)] === false;
  }

  /** How often a flag was given: -vv is 2. */
  count(name: string): number {
    const value = this.#options[camelCase(name)];
    return typeof value === "number" ? value : 0;
  }

  /** The word at this place; commander has seen to it that required ones are there. */
  word(at: number): string {
    return this.words[at] ?? "";
  }
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
