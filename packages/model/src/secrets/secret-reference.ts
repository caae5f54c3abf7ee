/** A secret is never in the configuration, only where to find it. */
export type SecretReference =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly command: readonly string[]; readonly timeoutSeconds: number }
  | { readonly systemd: string };

/** Resolves a reference to its value; the value lives for the job only. */
export interface SecretResolver {
  resolve(reference: SecretReference, what: string): Promise<string>;
}

/** Where a secret comes from, for messages: "env SHOP_PG_PASSWORD". Never the value. */
export function describeSecret(reference: SecretReference): string {
  if ("env" in reference) return `env ${reference.env}`;
  if ("file" in reference) return `file ${reference.file}`;
  if ("command" in reference) return `command ${reference.command[0] ?? ""}`;
  return `systemd credential ${reference.systemd}`;
}
