/** Names of hosts, sources, policies, repositories, drills and templates. */
export const namePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export function isName(text: string): boolean {
  return namePattern.test(text);
}

/** "HOST/SOURCE". */
export function assetName(host: string, source: string): string {
  return `${host}/${source}`;
}

/** The two halves of "HOST/SOURCE", or undefined when the text is no asset's name. */
export function parseAssetName(text: string): { readonly host: string; readonly source: string } | undefined {
  const [host, source, ...more] = text.split("/");
  if (host === undefined || source === undefined || more.length > 0 || !isName(host) || !isName(source)) return undefined;
  return { host, source };
}
