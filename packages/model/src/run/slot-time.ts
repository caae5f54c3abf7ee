/**
 * Times inside names: `20261122T020000Z` for a slot (whole seconds), `20261122T020000.123Z` for a start by hand. UTC, no
 * colon, because queue ids may not hold one, and sorted as text they are sorted by time.
 */
export function formatSlotTime(milliseconds: number, options: { readonly withMilliseconds?: boolean } = {}): string {
  if (!Number.isSafeInteger(milliseconds)) throw new RangeError(`slot ${milliseconds} is no whole number of milliseconds`);
  const iso = new Date(milliseconds).toISOString();
  if (iso.length !== 24) throw new RangeError(`slot ${milliseconds} is outside the years 0 to 9999`);
  if (options.withMilliseconds !== true && milliseconds % 1000 !== 0) {
    throw new RangeError(`slot ${iso} is no whole second`);
  }
  const text = iso.replaceAll("-", "").replaceAll(":", "");
  return options.withMilliseconds === true ? text : `${text.slice(0, 15)}Z`;
}

const pattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?:\.(\d{3}))?Z$/;

/** Milliseconds since 1970, or undefined when the text is no such time (the 31st of a short month is none either). */
export function parseSlotTime(text: string): { readonly milliseconds: number; readonly hasMilliseconds: boolean } | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, millis] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${millis ?? "000"}Z`;
  const milliseconds = Date.parse(iso);
  // Date.parse rolls "20260231" over into March; only what prints the same again is a real time.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== iso) return undefined;
  return { milliseconds, hasMilliseconds: millis !== undefined };
}
